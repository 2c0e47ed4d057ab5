/**
 * The proof that a set-up works: one tiny goal in a workspace of its own, through the same daemon, agent,
 * checks and landing as any other. Its plan is ready, so that what it costs is one small turn.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GoalSummary, GoalView } from '../../daemon/goals/views.ts'
import type { Client } from '../client.ts'
import type { Surface } from '../surface.ts'

export interface ProofOfSetup {
  goal: number
  met: boolean
  /** What it wrote, or what stood in its way. */
  words: string
  seconds: number
}

const WORDS = 'hello from claw'
const MINUTES_MAX = 5
const TOKENS_MAX = 500_000
const LOOK_MS = 250

const PLAN = {
  summary: 'One file, to see that everything works.',
  tasks: [
    {
      key: 'hello',
      title: 'Write hello.txt',
      brief: `Write a file hello.txt whose only line is: ${WORDS}\nNothing else is wanted.`,
      footprint: ['hello.txt'],
      checks: [{ name: 'hello.txt says hello', command: `grep -qx '${WORDS}' hello.txt`, kind: 'fails-before' }],
    },
  ],
}

/** Runs it to its end. What would wait for the owner ends it too: then something is not right yet. */
export async function prove(surface: Surface, client: Client): Promise<ProofOfSetup> {
  const startedAt = surface.now()
  const json = {
    text: 'See that everything works: write hello.txt',
    autonomy: 'auto' as const,
    land: 'merge' as const,
    minutesMax: MINUTES_MAX,
    attemptsMax: 2,
    tokensMax: TOKENS_MAX,
    planFile: { name: 'setup', text: JSON.stringify(PLAN) },
    source: { surface: 'cli' as const, from: 'setup' },
    idempotencyKey: randomUUID(),
  }
  const added = (await (await client.v1.goals.$post({ json })).json()) as GoalSummary
  const goal = String(added.goal.number)
  const done = (met: boolean, words: string) => ({
    goal: added.goal.number,
    met,
    words,
    seconds: Math.round((surface.now() - startedAt) / 100) / 10,
  })
  let said = ''
  for (;;) {
    const view = (await (await client.v1.goals[':goal'].$get({ param: { goal } })).json()) as GoalView
    if (view.goal.state === 'met') return done(true, 'an agent wrote hello.txt, its check passed, and it was landed')
    if (view.goal.state === 'dropped') return done(false, view.goal.outcome ?? 'it was dropped')
    const ask = view.asks.find(({ state }) => state === 'open')
    const isLate = surface.now() - startedAt > MINUTES_MAX * 60_000
    if (ask || isLate) {
      await client.v1.goals[':goal'].cancel.$post({ param: { goal }, json: {} })
      return done(
        false,
        ask ? `${ask.question} ${ask.detail.split('\n', 1)[0]}` : `it was not done within ${MINUTES_MAX} minutes`,
      )
    }
    if (view.words !== said) surface.say(surface.paintErr('gray', `  ${view.words}`))
    said = view.words
    await sleep(LOOK_MS, undefined, { signal: surface.signal }).catch(() => surface.signal.throwIfAborted())
  }
}
