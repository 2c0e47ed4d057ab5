import { expect, test } from 'vitest'
import { MINUTE } from '../../../core/clock.ts'
import { PlanDraft } from '../../../core/plan.ts'
import { compareInWords, estimateFrom, estimateInWords, TASK_GUESS } from '../../../daemon/gateway/estimate.ts'
import { createPrices } from '../../../daemon/gateway/prices.ts'
import { decide } from '../../../daemon/orchestrator/decide.ts'
import type { Money, Snapshot } from '../../../daemon/orchestrator/snapshot.ts'

const DRAFT = PlanDraft.parse({
  summary: 's',
  tasks: [{ key: 'a', title: 'A', brief: 'b', footprint: ['**'] }],
})
const LIMITS = { minutesMax: null, attemptsMax: 3, tokensMax: null, usdMax: null }

interface Wishes {
  money?: Partial<Money>
  limits?: Partial<Snapshot['goal']['limits']>
  asks?: object[]
  plan?: string | null
  runMinutes?: number
}

/** Goal #7 with one task at work. */
function aSnapshot({ money, limits, asks = [], plan = 'active', runMinutes = 0 }: Wishes): Snapshot {
  return {
    now: runMinutes * MINUTE,
    goal: {
      id: 'goal_7',
      number: 7,
      state: 'open',
      quarantine: null,
      autonomy: 'ask-plan',
      limits: { ...LIMITS, ...limits },
    },
    plans: plan === null ? [] : [{ id: 'plan_1', state: plan, version: 1, draft: DRAFT, author: 'brain', request: [] }],
    tasks:
      plan === 'active' ? [{ id: 'task_1', planId: 'plan_1', state: 'running', number: 1, spec: DRAFT.tasks[0] }] : [],
    runs: plan === 'active' ? [{ id: 'run_1', state: 'running', agent: 'pi', startedAt: 0, endedAt: null }] : [],
    asks,
    landings: [],
    steers: [],
    money: { spent: { usd: 0, tokens: 0 }, overall: null, estimate: null, ...money },
  } as unknown as Snapshot
}

const anAsk = (over: object) => ({
  id: 'ask_1',
  kind: 'limit',
  state: 'open',
  taskId: null,
  settledAt: null,
  answer: null,
  ...over,
})
const answered = (choice: string) => anAsk({ state: 'answered', answer: { choice, text: null } })
const DAY = { scope: 'day', unit: 'usd', words: 'today', used: 21, max: 20, key: 'day 2026-11-23', factor: 1 } as const

test.each([
  ['money', { limits: { usdMax: 5 }, money: { spent: { usd: 5.2, tokens: 1 } } }, 'its 5.00 USD'],
  ['tokens', { limits: { tokensMax: 1000 }, money: { spent: { usd: 0, tokens: 1000 } } }, 'its 1,000 tokens'],
  ['minutes', { limits: { minutesMax: 30 }, runMinutes: 31 }, 'its 30 minutes'],
  ['the day', { money: { overall: DAY } }, 'today’s 20.00 USD'],
  [
    'two at once',
    { limits: { usdMax: 5, minutesMax: 30 }, runMinutes: 31, money: { spent: { usd: 6, tokens: 1 } } },
    'its 30 minutes and its 5.00 USD',
  ],
] as const)('at the limit of %s the runs are stopped and the owner is asked', (_name, wishes, words) => {
  expect(decide(aSnapshot(wishes as Wishes))).toMatchObject([
    { do: 'stop-run', runId: 'run_1', why: 'limit' },
    {
      do: 'ask',
      ask: {
        kind: 'limit',
        question: `Goal #7 has used ${words}. What now?`,
        choices: [{ id: 'raise' }, { id: 'finish' }, { id: 'drop' }],
      },
    },
  ])
})

test('below its limits a goal goes on', () => {
  const money = { spent: { usd: 4.99, tokens: 999 } }
  expect(decide(aSnapshot({ limits: { usdMax: 5, tokensMax: 1000, minutesMax: 30 }, runMinutes: 29, money }))).toEqual(
    [],
  )
})

test('asked once, a goal waits', () => {
  const money = { spent: { usd: 9, tokens: 0 } }
  expect(decide(aSnapshot({ limits: { usdMax: 5 }, money, asks: [anAsk({})] }))).toEqual([])
})

test('a goal whose limit no longer holds it needs no answer', () => {
  expect(decide(aSnapshot({ asks: [anAsk({})] }))).toEqual([{ do: 'moot', askId: 'ask_1' }])
})

test.each([
  ['as much again', 5, 5.2, 10],
  ['what went over does not eat it up', 5, 12, 17],
])('raising gives %s', (_name, usdMax, usd, raised) => {
  const money = { spent: { usd, tokens: 0 } }
  expect(decide(aSnapshot({ limits: { usdMax, minutesMax: 30 }, money, asks: [answered('raise')] }))).toEqual([
    { do: 'change-limits', limits: { ...LIMITS, usdMax: raised, minutesMax: 30 }, overall: null, settles: ['ask_1'] },
  ])
})

test('raising what all goals share leaves the goal’s own limits alone', () => {
  const overall = { ...DAY, used: 65, max: 40, factor: 2 }
  expect(decide(aSnapshot({ money: { overall }, asks: [answered('raise')] }))).toEqual([
    { do: 'change-limits', limits: LIMITS, overall: { key: 'day 2026-11-23', factor: 4 }, settles: ['ask_1'] },
  ])
})

test('finishing as it is cancels what is left; dropping drops', () => {
  const money = { spent: { usd: 9, tokens: 0 } }
  const at = (choice: string) => decide(aSnapshot({ limits: { usdMax: 5 }, money, asks: [answered(choice)] }))
  expect(at('finish')).toMatchObject([
    { do: 'nothing', settles: ['ask_1'] },
    { do: 'end-task', taskId: 'task_1', as: 'cancelled' },
  ])
  expect(at('drop')).toMatchObject([{ do: 'drop-goal', settles: ['ask_1'] }])
})

test('nothing is planned with money that is spent', () => {
  const money = { spent: { usd: 9, tokens: 0 } }
  expect(decide(aSnapshot({ limits: { usdMax: 5 }, money, plan: null }))).toMatchObject([
    { do: 'ask', ask: { kind: 'limit', choices: [{ id: 'raise' }, { id: 'drop' }] } },
  ])
})

test('a proposed plan says what it will probably cost', () => {
  const decisions = decide(aSnapshot({ plan: 'proposed', money: { estimate: 'about 1.00 USD, a guess' } }))
  expect(decisions).toMatchObject([
    { do: 'ask', ask: { detail: expect.stringContaining('Estimated cost: about 1.00 USD, a guess.') } },
  ])
})

// ---- estimates ---------------------------------------------------------------------------

const past = (agent: string, tokens: number, usd: number | null, kind = 'change') => ({ kind, agent, tokens, usd })
const options = { agent: 'pi', price: () => 0.5 }

test('tasks are estimated by the middle of those like them: same agent and kind, else same kind, else a guess', () => {
  const mine = [past('pi', 100, 1), past('pi', 900, 9), past('pi', 200, 2)]
  const others = [past('goose', 5, 0.1), past('goose', 6, 0.1), past('goose', 7, 0.1)]
  expect(estimateFrom([...mine, ...others], DRAFT, options)).toEqual({ tokens: 200, usd: 2, tasks: 1, fromHistory: 1 })
  expect(estimateFrom(others, DRAFT, options)).toEqual({ tokens: 6, usd: 0.1, tasks: 1, fromHistory: 1 })
  expect(estimateFrom(others.slice(1), DRAFT, options)).toEqual({
    tokens: TASK_GUESS.inputTokens + TASK_GUESS.outputTokens,
    usd: 0.5,
    tasks: 1,
    fromHistory: 0,
  })
})

test('without a price the estimate is in tokens, and says so', () => {
  const estimate = estimateFrom([], DRAFT, { agent: 'pi', price: () => undefined })
  expect(estimateInWords(estimate)).toBe('about 412,000 tokens, a guess, since no tasks like these were done here yet')
})

test('the report compares', () => {
  const estimate = { tokens: 100_000, usd: 1, tasks: 2, fromHistory: 2 }
  expect(compareInWords(estimate, { tokens: 250_000, usd: 2.5 })).toBe(
    'Estimated: about 1.00 USD (100,000 tokens), from what tasks like these cost before. It came to 2.50 USD (250,000 tokens). That is 2.5 times the estimate.',
  )
})

// ---- prices ------------------------------------------------------------------------------

const MILLION = {
  inputTokens: 1_000_000,
  cachedTokens: 500_000,
  cacheWriteTokens: 100_000,
  outputTokens: 100_000,
  reasoningTokens: 0,
}

test('the owner’s prices go over the library’s; a model that nobody knows has none', () => {
  const prices = createPrices({ mine: { input: 1, output: 10, cachedInput: 0.1, cacheWrite: null } })
  const at = { provider: 'anthropic', givenUrl: null } as const
  expect(prices(at, 'mine', MILLION)).toBeCloseTo(0.5 + 0.05 + 1)
  expect(prices(at, 'claude-sonnet-4-5', MILLION)).toBeGreaterThan(1)
  expect(
    prices({ provider: 'openai-chat', givenUrl: 'http://127.0.0.1:9' }, 'nobody-knows-me', MILLION),
  ).toBeUndefined()
})
