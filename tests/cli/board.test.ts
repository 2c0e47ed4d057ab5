import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { board } from '../../cli/board.ts'
import { columns, painter } from '../../cli/text.ts'
import { aGoal, aGoalView, anAsk, aRun, aTask, aTaskView, MORNING } from '../fakes/views.ts'

const plain = { width: 80, height: 40, now: MORNING + 64_000, frame: 0, paint: painter(false) }

const view = aGoalView({
  goal: aGoal({ text: 'Add rate limiting' }),
  tasks: { total: 4, done: 1, running: 1, failed: 1 },
  taskViews: [
    aTaskView({
      task: aTask({ number: 1, state: 'done', title: 'Write it' }),
      runs: [aRun({ state: 'ended', endedAt: MORNING + 34_000 })],
    }),
    aTaskView({
      task: aTask({ number: 2, state: 'running', title: 'Wire it', reason: 'unit tests failed' }),
      runs: [aRun({ state: 'ended', endedAt: MORNING + 10_000 }), aRun({ attempt: 2, startedAt: MORNING + 60_000 })],
    }),
    aTaskView({ task: aTask({ number: 3, state: 'blocked', title: 'Document it' }), needs: ['1.1', '1.2'] }),
    aTaskView({ task: aTask({ number: 4, state: 'failed', title: 'Break it', reason: 'attempts spent' }) }),
  ],
  usage: { inputTokens: 40_000, cachedTokens: 0, outputTokens: 2_000, usd: null },
})

test('a goal at work: head, a line for each task, foot', () => {
  expect(board(view, plain)).toEqual([
    '#1 Add rate limiting                                            working · 1m 04s',
    '✓ 1.1 Write it     pi  34s',
    '⠋ 1.2 Wire it      pi  attempt 2 · 14s · unit tests failed',
    '· 1.3 Document it      after 1.1, 1.2',
    '✗ 1.4 Break it         attempts spent',
    '1 of 4 tasks done · 1 failed · 42k tokens',
  ])
})

test('open asks say how they are answered; answered ones are gone', () => {
  const asking = { ...view, asks: [anAsk({ number: 7 }), anAsk({ number: 8, state: 'answered' })] }
  const lines = board(asking, plain)
  expect(lines).toContain('? Is this plan right?')
  expect(lines).toContain('  claw answer 7 approve | refuse')
  expect(lines.join('\n')).not.toContain('answer 8')
})

test('no line is wider than the terminal, in colour or not, however long or wide the words', () => {
  const title = '日本語 '.repeat(40)
  const long = aGoalView({
    goal: aGoal({ text: 'word '.repeat(200), outcome: 'x'.repeat(300) }),
    asks: [anAsk({ question: 'why '.repeat(100) })],
    taskViews: [
      aTaskView({ label: '1234.1', task: aTask({ title, reason: title }), runs: [aRun({ agent: 'a'.repeat(50) })] }),
    ],
  })
  for (let width = 20; width < 120; width++) {
    for (const paint of [painter(false), painter(true)]) {
      for (const line of board(long, { ...plain, width, paint })) {
        expect(columns(stripVTControlCharacters(line)), line).toBeLessThanOrEqual(width)
      }
    }
  }
})

test('what does not fit gives way: what has ended first, what is running never', () => {
  const many = Array.from({ length: 50 }, (_, index) =>
    aTaskView({ task: aTask({ number: index + 1, state: index === 40 ? 'running' : 'done' }) }),
  )
  const lines = board({ ...view, taskViews: many }, { ...plain, height: 8 })
  expect(lines.length).toBeLessThanOrEqual(8)
  expect(lines.some((line) => line.includes('1.41'))).toBe(true)
  expect(lines.some((line) => line.includes('more'))).toBe(true)
})

test('a title cannot repaint the screen', () => {
  const hostile = aTaskView({ task: aTask({ title: '\u001b[2J\u001b[1;1HAll done', reason: '\u0007' }) })
  const lines = board({ ...view, taskViews: [hostile] }, plain)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(lines.join('')).not.toMatch(/[\u0000-\u001f]/)
})
