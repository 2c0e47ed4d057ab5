import { expect, test } from 'vitest'
import type { CheckResult } from '../../../core/proof.ts'
import { secondTry } from '../../../daemon/proof/second-try.ts'

const red: CheckResult = {
  name: 'tests',
  command: 'npm test',
  kind: 'holds',
  exitCode: 1,
  timedOut: false,
  durationMs: 10,
  passed: false,
  outputDigest: 'one',
  outputFile: null,
  tail: 'failed',
}
const green: CheckResult = { ...red, exitCode: 0, passed: true, outputDigest: 'two', tail: 'passed' }

async function tried(first: CheckResult, second: CheckResult, of: { isBase?: boolean; known?: string[] } = {}) {
  let tries = 1
  const seen: unknown[] = []
  const result = await secondTry(first, {
    async again() {
      tries++
      return second
    },
    flaky: {
      commands: async () => new Set(of.known ?? []),
      async saw(_, what) {
        seen.push(what)
      },
    },
    gitDir: '/r.git',
    tree: 't',
    isBase: of.isBase ?? false,
  })
  return { result, tries, seen }
}

test('a check that fails twice has failed, and is not called flaky', async () => {
  expect(await tried(red, { ...red, tail: 'again' })).toEqual({ result: red, tries: 2, seen: [] })
})

test('on the base it counts as passing and is remembered: nobody’s work made it so', async () => {
  const { result, seen } = await tried(red, green, { isBase: true })
  expect(result).toEqual({ ...green, flaky: { tries: 2, known: true } })
  expect(seen).toEqual([{ command: 'npm test', tree: 't' }])
})

test('on work it passes only where it was known as flaky before: the work may have made it so', async () => {
  const unknown = await tried(red, green)
  expect(unknown.result).toEqual({ ...red, flaky: { tries: 2, known: false } })
  expect(unknown.seen).toEqual([])
  const known = await tried(red, green, { known: ['npm test'] })
  expect(known.result).toEqual({ ...green, flaky: { tries: 2, known: true } })
})

test.each<[string, Partial<CheckResult>]>([
  ['one that passed', { passed: true, exitCode: 0 }],
  ['one that shows the point of a task', { kind: 'fails-before' }],
  ['one that ran into its limit', { timedOut: true, exitCode: null }],
  ['one that could not be run', { exitCode: 127, tail: 'sh: npm: command not found' }],
  ['one that takes long', { durationMs: 3600_000 }],
])('%s gets no second try', async (_, change) => {
  expect((await tried({ ...red, ...change }, green, { known: ['npm test'] })).tries).toBe(1)
})
