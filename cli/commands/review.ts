import type { Ask } from '../../core/ask.ts'
import type { ReviewView } from '../../daemon/goals/views.ts'
import type { Client } from '../client.ts'
import { connect } from '../daemon.ts'
import { EXIT, usage } from '../exit.ts'
import { proofLines } from '../proof-lines.ts'
import type { Surface } from '../surface.ts'
import { manyLines, oneLine, type Paint, pad } from '../text.ts'
import { isTask } from './goals.ts'
import { prompt } from './stdin.ts'
import { take } from './tasks.ts'

interface Judgement {
  accept?: boolean
  reject?: string
  take?: boolean
}

/** Shows what was done with its proof, and passes the owner's judgement on. */
export async function review(surface: Surface, what: string | undefined, judgement: Judgement): Promise<number> {
  if (judgement.reject !== undefined && judgement.reject.trim() === '') throw usage('A rejection needs a comment')
  const client = await connect(surface, { start: true })
  const name = what ?? (await findWaiting(client))
  if (name === undefined) {
    if (surface.isJson) surface.printJson(null)
    else surface.say('Nothing waits for review. For a certain one: claw review 12, claw review 12.3')
    return EXIT.ok
  }
  if (judgement.take) {
    await take(surface, name)
    return EXIT.ok
  }
  if (judgement.accept || judgement.reject !== undefined) return pass(surface, client, name, judgement)

  const view = await load(client, name)
  if (surface.isJson) {
    surface.printJson(view)
    return EXIT.ok
  }
  for (const line of reviewLines(view, surface.paint)) surface.print(line)
  if (!surface.canAsk || view.asks.length === 0) return EXIT.ok
  const given = await prompt(
    surface,
    `\n[a]ccept, [r]eject${isTask(name) ? ', [t]ake over' : ''}, or Enter to leave it: `,
  )
  if (/^a/i.test(given)) return pass(surface, client, name, { accept: true })
  if (/^t/i.test(given) && isTask(name)) {
    await take(surface, name)
    return EXIT.ok
  }
  if (!/^r/i.test(given)) return EXIT.ok
  const comment = await prompt(surface, 'What is wrong? ')
  if (comment === '') throw usage('A rejection needs a comment; nothing was sent')
  return pass(surface, client, name, { reject: comment })
}

async function load(client: Client, name: string): Promise<ReviewView> {
  const response = isTask(name)
    ? await client.v1.tasks[':task'].review.$get({ param: { task: name } })
    : await client.v1.goals[':goal'].review.$get({ param: { goal: name } })
  return (await response.json()) as ReviewView
}

/** The task or goal of the oldest ask that a review would answer. */
async function findWaiting(client: Client): Promise<string | undefined> {
  const { asks } = (await (await client.v1.inbox.$get()).json()) as { asks: Ask[] }
  const kinds = ['review', 'guard', 'land-approval']
  const ask = asks.filter(({ kind }) => kinds.includes(kind)).sort((a, b) => a.number - b.number)[0]
  return ask && (ask.taskId ?? ask.goalId)
}

async function pass(surface: Surface, client: Client, name: string, { reject }: Judgement): Promise<number> {
  const comment = reject?.trim()
  const answer = isTask(name)
    ? comment === undefined
      ? await client.v1.tasks[':task'].accept.$post({ param: { task: name }, json: {} })
      : await client.v1.tasks[':task'].reject.$post({ param: { task: name }, json: { comment } })
    : comment === undefined
      ? await client.v1.goals[':goal'].accept.$post({ param: { goal: name }, json: {} })
      : await client.v1.goals[':goal'].reject.$post({ param: { goal: name }, json: { comment } })
  if (surface.isJson) surface.printJson(await answer.json())
  else surface.print(comment === undefined ? `${name} accepted` : `${name} rejected; a new run is told why`)
  return EXIT.ok
}

/** Pure: the diff, then the proof, so that the verdict stands where the reader ends. */
export function reviewLines(view: ReviewView, paint: Paint): string[] {
  const lines = [paint('bold', oneLine(view.title)), '']
  for (const { path, kind, insertions, deletions } of view.changes) {
    const numbers = insertions === null ? 'binary' : `+${insertions} -${deletions ?? 0}`
    lines.push(`  ${pad(kind, 9)} ${pad(numbers, 11)} ${oneLine(path)}`)
  }
  lines.push(
    '',
    ...manyLines(view.diff)
      .trimEnd()
      .split('\n')
      .map((line) => diffLine(line, paint)),
    '',
  )
  lines.push(...(view.proof ? proofLines(view.proof, paint) : [paint('yellow', 'There is no proof yet.')]))
  for (const ask of view.asks) lines.push('', paint('yellow', `? ${ask.number}  ${oneLine(ask.question)}`))
  return lines
}

function diffLine(line: string, paint: Paint): string {
  if (/^(diff |index |---|\+\+\+|new file|deleted file|similarity|rename )/.test(line)) return paint('bold', line)
  if (line.startsWith('@@')) return paint('cyan', line)
  if (line.startsWith('+')) return paint('green', line)
  return line.startsWith('-') ? paint('red', line) : line
}
