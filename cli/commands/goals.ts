import { effectStateWords, effectWords, isOutstanding } from '../../core/act-words.ts'
import type { GoalSummary, GoalView } from '../../daemon/goals/views.ts'
import { board, statusStyle } from '../board.ts'
import type { Client } from '../client.ts'
import { connect } from '../daemon.ts'
import { usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { ago, clip, manyLines, oneLine, pad } from '../text.ts'

export interface ListOptions {
  state: 'open' | 'ended' | 'all'
  limit: number
}

export async function list(surface: Surface, { state, limit }: ListOptions): Promise<void> {
  const client = await connect(surface, { start: true })
  const response = await client.v1.goals.$get({ query: { state, limit: String(limit) } })
  const { goals } = (await response.json()) as { goals: GoalSummary[] }
  if (surface.isJson) return surface.printJson(goals)
  if (goals.length === 0) return surface.say('No goals yet. Add one: claw "what you want" --repo .')
  for (const one of goals) surface.print(goalLine(surface, one))
  if (goals.length === limit) surface.say(surface.paintErr('gray', `the newest ${limit}; more: --limit`))
}

/** `#12  waiting on you  Add rate limiting           2/4   3h ago` */
export function goalLine({ paint, width, now }: Surface, { goal, status, tasks }: GoalSummary): string {
  const number = pad(`#${goal.number}`, 5)
  const progress = pad(tasks.total === 0 ? '' : `${tasks.done}/${tasks.total}`, 6)
  const time = ago(goal.endedAt ?? goal.createdAt, now())
  const title = pad(oneLine(goal.text), Math.max(12, Math.min(60, width() - 5 - 16 - 6 - time.length - 2)))
  return `${number}${paint(statusStyle(status), pad(status, 15))} ${title} ${paint('gray', `${progress} ${time}`)}`
}

export async function show(surface: Surface, name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const view = (await (await client.v1.goals[':goal'].$get({ param: { goal: name } })).json()) as GoalView
  if (surface.isJson) return surface.printJson(view)
  const { goal } = view
  const width = surface.width()
  const lines = board(view, {
    width,
    height: Number.MAX_SAFE_INTEGER,
    now: surface.now(),
    frame: 0,
    paint: surface.paint,
  })
  surface.print(lines.join('\n'))
  surface.print('')
  const fact = (what: string, words: string) =>
    surface.print(`${surface.paint('gray', pad(what, 11))}${oneLine(words)}`)
  fact('now', view.words)
  fact('repository', view.repository ?? 'a workspace of its own')
  fact('branch', `${goal.branch}, for ${goal.targetBranch} (${goal.land}, ${goal.autonomy})`)
  if (view.plan) fact('plan', `version ${view.plan.version}, ${view.plan.state}, by ${view.plan.author}`)
  for (const reason of view.plan?.reasons ?? []) fact('', reason)
  const landed = view.landings.filter((landing) => landing.state === 'landed' && landing.taskId === null).at(-1)
  if (landed) fact('landed', `${landed.branch} at ${(landed.merged ?? landed.commit).slice(0, 10)}`)
  for (const effect of view.effects) fact('outside', `${effectWords(effect.spec)} (${effectStateWords(effect)})`)
  if (goal.reportFile) fact('report', goal.reportFile)
  if (goal.quarantine) surface.print(surface.paint('red', manyLines(goal.quarantine)))
}

export async function steer(surface: Surface, name: string, text: string): Promise<void> {
  if (text.trim() === '') throw usage('There are no words to pass on')
  const client = await connect(surface, { start: true })
  const json = { text }
  const response = isTask(name)
    ? await client.v1.tasks[':task'].steer.$post({ param: { task: name }, json })
    : await client.v1.goals[':goal'].steer.$post({ param: { goal: name }, json })
  const answer = await response.json()
  if (surface.isJson) return surface.printJson(answer)
  const words = { planner: 'The planner is told', run: 'The running agent is told', 'next-run': 'The next run is told' }
  surface.print(words[answer.passedTo])
}

export function isTask(name: string): boolean {
  return name.startsWith('task_') || /^#?\d+\.\d+$/.test(name)
}

export async function move(surface: Surface, verb: 'pause' | 'resume' | 'cancel', name: string): Promise<void> {
  const client: Client = await connect(surface, { start: true })
  const view = (await (
    await client.v1.goals[':goal'][verb].$post({ param: { goal: name }, json: {} })
  ).json()) as GoalView
  if (surface.isJson) return surface.printJson(view)
  surface.print(`#${view.goal.number} is ${view.goal.state}: ${clip(oneLine(view.words), 100)}`)
  const left = view.effects.filter(isOutstanding)
  if (verb !== 'cancel' || left.length === 0) return
  surface.print('Outside the repository this may be there:')
  for (const effect of left) surface.print(`  ${oneLine(effectWords(effect.spec))} (${effectStateWords(effect)})`)
  surface.print(`How to take it back: claw undo ${view.goal.number}`)
}

export async function undo(surface: Surface, name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const undone = await (await client.v1.goals[':goal'].undo.$post({ param: { goal: name }, json: {} })).json()
  if (surface.isJson) return surface.printJson(undone)
  if (undone.branch !== null)
    surface.print(`${undone.branch} is back to what it was, by a new commit ${undone.commit?.slice(0, 10)}`)
  if (undone.note !== null) surface.print(surface.paint('yellow', oneLine(undone.note)))
  if (undone.ask === null) return
  surface.print('Outside the repository these steps take it back, in this order:\n')
  surface.print(manyLines(undone.steps ?? ''))
  surface.print(`\nNothing of it has been run. To run them: claw answer ${undone.ask} yes`)
}

export async function report(surface: Surface, name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const response = await client.v1.goals[':goal'].report.$get({ param: { goal: name } })
  const found = (await response.json()) as { file: string; markdown: string }
  if (surface.isJson) return surface.printJson(found)
  surface.print(manyLines(found.markdown).trimEnd())
  surface.say(surface.paintErr('gray', found.file))
}
