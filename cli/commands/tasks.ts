import type { Proof } from '../../core/proof.ts'
import type { TaskView } from '../../daemon/goals/views.ts'
import { connect } from '../daemon.ts'
import { EXIT } from '../exit.ts'
import { proofLines } from '../proof-lines.ts'
import type { Surface } from '../surface.ts'
import { oneLine } from '../text.ts'

export async function take(surface: Surface, task: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const taken = await (await client.v1.tasks[':task'].take.$post({ param: { task }, json: {} })).json()
  if (surface.isJson) return surface.printJson(taken)
  // The path alone on stdout: cd "$(claw take 12.3)"
  surface.print(oneLine(taken.worktree))
  surface.say(surface.paintErr('gray', `it is yours; when you are done: claw give ${task}`))
}

export async function give(surface: Surface, task: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const view = (await (await client.v1.tasks[':task'].give.$post({ param: { task }, json: {} })).json()) as TaskView
  if (surface.isJson) return surface.printJson(view)
  surface.print(`${view.label} is taken back and ${view.task.state}; your work is verified like anyone's`)
}

/** Exit code 1 when the checks do not pass again, or pass on another tree. */
export async function proof(surface: Surface, task: string): Promise<number> {
  const client = await connect(surface, { start: true })
  if (!surface.isJson) surface.say(surface.paintErr('gray', 'running the checks again …'))
  const response = await client.v1.tasks[':task'].proof.$post({ param: { task }, json: {} })
  const { recorded, again } = (await response.json()) as {
    recorded: Proof
    again: Pick<Proof, 'results' | 'passed' | 'tree'>
  }
  const isSame = again.passed === recorded.passed && again.tree === recorded.tree
  if (surface.isJson) surface.printJson({ recorded, again, same: isSame })
  else {
    for (const line of proofLines({ ...again, commit: recorded.commit }, surface.paint)) surface.print(line)
    const words = isSame ? 'the same as recorded' : 'NOT the same as recorded'
    surface.print(`${words}: ${recorded.id}, tree ${recorded.tree.slice(0, 10)}`)
  }
  return isSame ? EXIT.ok : EXIT.failed
}
