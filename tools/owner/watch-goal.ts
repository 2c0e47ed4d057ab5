import { z } from 'zod'
import { SECOND } from '../../core/clock.ts'
import { eventWords } from '../../core/event-words.ts'
import type { StoredEvent } from '../../core/events.ts'
import { isGoalEnded } from '../../core/goal.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { EventsForTools } from '../context.ts'
import { AskShape, askLine, clip, GoalName, shapeAsk } from '../shapes.ts'
import { defineTool, type ToolCall } from '../tool.ts'

/** Events that are looked at in one go. */
const PAGE = 200
const STEPS_MAX = 50

export const watchGoal = defineTool({
  name: 'watch_goal',
  title: 'Watch a goal',
  description:
    'Wait for news of a goal, in bounded steps. Answers as soon as something happened, or after waitSeconds with nothing. Call again with the cursor it gave until `ended` is true; nothing is missed in between. Without a cursor it begins at the goal’s beginning.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  waits: true,
  input: z.strictObject({
    goal: GoalName,
    cursor: z.int().min(0).optional().describe('The cursor of the answer before.'),
    waitSeconds: z
      .int()
      .min(0)
      .max(300)
      .default(25)
      .describe('How long to wait for news; keep it below your own time limit.'),
  }),
  output: z.object({
    goal: z.int(),
    status: z.string(),
    words: z.string(),
    steps: z.array(z.object({ at: z.string(), words: z.string() })),
    cursor: z.int().describe('For the next call.'),
    ended: z.boolean().describe('Whether the goal is over and everything has been told.'),
    asks: z.array(AskShape).describe('Open questions: nothing goes on there until they are answered.'),
  }),
  async run({ goal: name, cursor = 0, waitSeconds }, { goals, events }, call) {
    const { goal } = await goals.show(name)
    const isOver = async () => isGoalEnded((await goals.show(name)).goal.state)
    const news = await nextSteps({ events, goalId: goal.id, cursor, waitMs: waitSeconds * SECOND, isOver }, call)
    const view = await goals.show(name)
    return {
      goal: goal.number,
      status: view.status,
      words: view.words,
      steps: news.steps.map((event) => ({
        at: new Date(event.at).toISOString(),
        words: clip(oneLine(eventWords(event) ?? event.type), 500),
      })),
      cursor: news.cursor,
      ended: isGoalEnded(view.goal.state) && news.isAll,
      asks: view.asks.filter((ask) => ask.state === 'open').map(shapeAsk),
    }
  },
  text: ({ goal, status, words, steps, cursor, ended, asks }) =>
    [
      ...steps.map((step) => `${step.at.slice(11, 19)} ${step.words}`),
      ...(steps.length === 0 ? ['Nothing new.'] : []),
      `#${goal} is ${status}${words && words !== status ? `: ${oneLine(words)}` : ''}`,
      ...asks.map(askLine),
      ended ? 'It has ended; show_report has the whole story.' : `Go on with cursor ${cursor}.`,
    ].join('\n'),
})

interface Watched {
  events: EventsForTools
  goalId: string
  cursor: number
  waitMs: number
  isOver(): Promise<boolean>
}

/** The next things worth telling after the cursor. Returns early when the goal is over or the caller has gone. */
async function nextSteps({ events, goalId, cursor, waitMs, isOver }: Watched, { clock, signal, progress }: ToolCall) {
  const until = clock.monotonic() + waitMs
  let nudge = Promise.withResolvers<void>()
  using _subscription = events.onNew(() => nudge.resolve())
  let seen = 0
  for (;;) {
    // Made before the page is read: what is added meanwhile ends the wait below at once.
    nudge = Promise.withResolvers()
    const page = await events.page({ after: cursor, limit: PAGE, goalId })
    const steps = page.filter((event) => eventWords(event) !== undefined).slice(0, STEPS_MAX)
    // Cut where the steps end, so that the rest comes next time.
    const last = steps.length === STEPS_MAX ? steps.at(-1) : page.at(-1)
    cursor = last?.id ?? cursor
    seen += page.length
    if (page.length > 0) await progress(seen, latest(page))
    const isAll = page.length < PAGE && steps.length < STEPS_MAX
    if (steps.length > 0) return { steps, cursor, isAll }
    if (!isAll) continue
    const left = until - clock.monotonic()
    if (left <= 0 || signal.aborted || (await isOver())) return { steps, cursor, isAll }
    using timer = clock.after(left, () => nudge.resolve())
    const onAbort = () => nudge.resolve()
    signal.addEventListener('abort', onAbort, { once: true })
    await nudge.promise
    signal.removeEventListener('abort', onAbort)
    timer[Symbol.dispose]()
  }
}

function latest(page: readonly StoredEvent[]): string {
  const event = page.at(-1)!
  const words = event.type === 'run.updated' ? event.data.text : eventWords(event)
  return clip(oneLine(words ?? event.type), 200)
}
