import { expect, test } from 'vitest'
import type { CheckResult } from '../../../core/proof.ts'
import { judgeBaseline } from '../../../daemon/proof/baseline-verdict.ts'
import { classify, FEEDBACK_CHARS_MAX } from '../../../daemon/proof/classify.ts'
import { plainTail } from '../../../daemon/proof/run-check.ts'

function aResult(over: Partial<CheckResult> = {}): CheckResult {
  const exitCode = over.exitCode === undefined ? 1 : over.exitCode
  return {
    name: 'test',
    command: 'npm test',
    kind: 'holds',
    timedOut: false,
    durationMs: 1200,
    passed: exitCode === 0,
    outputDigest: 'd',
    outputFile: null,
    tail: 'expected 1 to be 2',
    ...over,
    exitCode,
  }
}

const passed = aResult({ name: 'lint', exitCode: 0, tail: 'ok' })

test('nothing failed, nothing to say', () => {
  expect(classify({ results: [passed], guards: [], setup: null })).toBeUndefined()
  const asked = { guard: 'outside-footprint', level: 'ask', path: 'a', detail: 'a' } as const
  expect(classify({ results: [passed], guards: [asked], setup: null })).toBeUndefined()
})

test('a red check is work, and its author reads the command, the exit code and the real output', () => {
  const found = classify({
    results: [passed, aResult(), aResult({ name: 'types', tail: 'TS2322' })],
    guards: [],
    setup: null,
  })
  expect(found).toMatchObject({ failure: 'work', words: '"test" ended with exit code 1, and 1 more failed' })
  for (const words of [
    '2 of 3 checks failed',
    'First failure: test',
    'npm test',
    'expected 1 to be 2',
    'TS2322',
    'Passed: lint',
  ]) {
    expect(found!.feedback).toContain(words)
  }
})

test('a command that does not exist is the environment’s fault, unless something real failed too', () => {
  const missing = aResult({ exitCode: 127, tail: 'bash: line 1: vitest: command not found' })
  expect(classify({ results: [missing], guards: [], setup: null })).toMatchObject({ failure: 'environment' })
  const both = classify({ results: [missing, aResult({ name: 'real' })], guards: [], setup: null })
  expect(both).toMatchObject({ failure: 'work' })
  expect(both!.feedback).toContain('First failure: real')
})

test.each([
  [aResult({ exitCode: 126, tail: 'Permission denied' }), 'environment'],
  [aResult({ tail: '/usr/bin/python3: No module named pytest' }), 'environment'],
  [aResult({ tail: "ModuleNotFoundError: No module named 'purse'" }), 'work'],
  [aResult({ tail: 'ENOSPC: no space left on device, write' }), 'environment'],
  [aResult({ exitCode: null, timedOut: true, tail: 'vitest: command not found' }), 'work'],
])('%#: %s', (result, failure) => {
  expect(classify({ results: [result], guards: [], setup: null })?.failure).toBe(failure)
})

test('a set-up that fails is the environment’s fault, or the work’s where it changed what set-up reads', () => {
  const setup = { command: 'npm ci', exitCode: 1, tail: 'out of sync', changedFiles: [] as string[] }
  expect(classify({ results: [], guards: [], setup })).toMatchObject({ failure: 'environment' })
  const ours = classify({ results: [], guards: [], setup: { ...setup, changedFiles: ['package.json'] } })
  expect(ours).toMatchObject({ failure: 'work' })
  expect(ours!.feedback).toContain('You changed package.json')
})

test('a guard that stops is work', () => {
  const stop = { guard: 'secret', level: 'stop', path: 'a.ts', detail: 'a.ts:3 holds a GitHub token' } as const
  const found = classify({ results: [passed], guards: [stop], setup: null })
  expect(found).toMatchObject({ failure: 'work', words: 'a.ts:3 holds a GitHub token' })
  expect(found!.feedback).toContain('- a.ts:3 holds a GitHub token')
})

test('feedback is bounded, and output cannot close its fence', () => {
  const results = Array.from({ length: 20 }, (_, n) =>
    aResult({ name: `c${n}`, tail: `\`\`\`\`\n${'x'.repeat(9000)}` }),
  )
  const { feedback } = classify({ results, guards: [], setup: null })!
  expect(feedback.length).toBeLessThanOrEqual(FEEDBACK_CHARS_MAX)
  const fenced = classify({ results: [aResult({ tail: 'a\n````\nb' })], guards: [], setup: null })!
  expect(fenced.feedback).toContain('`````\na\n````\nb\n`````')
})

test('a tail has no colours, no control characters, and starts with a whole line', () => {
  expect(plainTail('\u001b[31mred\u001b[0m\r\n10%\r20%\r100%\nbell\u0007')).toBe('red\n100%\nbell')
  expect(plainTail(`${'a'.repeat(50)}\nlast line`, 20)).toBe('last line')
  expect(plainTail('x'.repeat(100), 20)).toBe('x'.repeat(20))
})

test.each([
  [aResult({ kind: 'fails-before' }), 'consistent'],
  [aResult({ kind: 'fails-before', exitCode: null, timedOut: true }), 'consistent'],
  [aResult({ kind: 'fails-before', exitCode: 0 }), 'passes-already'],
  [aResult({ kind: 'fails-before', exitCode: 127, tail: 'sh: 1: foo: not found' }), 'environment'],
  [
    aResult({ kind: 'fails-before', exitCode: 127, command: './new.sh', tail: './new.sh: No such file or directory' }),
    'consistent',
  ],
  [aResult({ exitCode: 0 }), 'consistent'],
  [aResult(), 'fails-already'],
])('baseline %#', (result, verdict) => {
  expect(judgeBaseline(result).verdict).toBe(verdict)
})
