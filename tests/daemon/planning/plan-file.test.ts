import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isFault } from '../../../core/fault.ts'
import { readPlanFile } from '../../../daemon/planning/plan-file.ts'
import { vetPlan } from '../../../daemon/planning/vet.ts'

const small = `summary: Small
tasks:
  - key: a
    title: A
    brief: Do it.
    footprint: [src/**]
    checks:
      - name: tests
        command: npm test
        kind: holds
`

function problemsOf(text: string): string[] {
  try {
    readPlanFile(text, 'plan.yaml')
  } catch (error) {
    if (isFault(error, 'plan_invalid')) return error.details['problems'] as string[]
    throw error
  }
  return expect.fail('the plan was read')
}

test('what is left out has its default', () => {
  expect(readPlanFile(small, 'plan.yaml')).toEqual({
    summary: 'Small',
    sharedPaths: [],
    checks: [],
    questions: [],
    tasks: [
      {
        key: 'a',
        title: 'A',
        kind: 'change',
        brief: 'Do it.',
        needs: [],
        footprint: ['src/**'],
        checks: [{ name: 'tests', command: 'npm test', kind: 'holds', timeoutSeconds: 300, network: false }],
        overlay: [],
        agent: null,
        credentials: [],
      },
    ],
  })
})

test.each([
  ['timeout: 90s', 90],
  ['timeout: 5m', 300],
  ['timeout: 1h', 3600],
  ['timeout: 7', 7],
  ['timeoutSeconds: 8', 8],
])('%s is %d seconds', (line, seconds) => {
  const plan = readPlanFile(`${small}        ${line}\n`, 'plan.yaml')
  expect(plan.tasks[0]!.checks[0]!.timeoutSeconds).toBe(seconds)
})

describe('refused, with the line and the key', () => {
  test.each([
    [
      'a misspelt key',
      small.replace('brief:', 'breif:'),
      /^plan\.yaml:5: unknown key "tasks\[0\]\.breif"; did you mean "tasks\[0\]\.brief"\?$/,
    ],
    [
      'a misspelt key at the top',
      small.replace('tasks:', 'task:'),
      /^plan\.yaml:2: unknown key "task"; did you mean "tasks"\?$/,
    ],
    ['a missing key', small.replace('    title: A\n', ''), /^plan\.yaml:3: "tasks\[0\]\.title" is missing$/],
    [
      'a misspelt value',
      small.replace('holds', 'hold'),
      /^plan\.yaml:10: "tasks\[0\]\.checks\[0\]\.kind" is "hold"; did you mean "holds"\?$/,
    ],
    [
      'a check without a meaning',
      small.replace('        kind: holds\n', ''),
      /^plan\.yaml:8: "tasks\[0\]\.checks\[0\]\.kind" is missing; choose from fails-before, holds$/,
    ],
    [
      'a wrong kind of value',
      small.replace('[src/**]', 'src/**'),
      /^plan\.yaml:6: "tasks\[0\]\.footprint" is "src\/\*\*"/,
    ],
    ['a duration nobody can read', `${small}        timeout: soon\n`, /^plan\.yaml:11: .*90s, 5m or 1h/],
    ['a duration that is too long', `${small}        timeout: 2h\n`, /^plan\.yaml:11: .*at most 1h/],
    ['two durations', `${small}        timeout: 1h\n        timeoutSeconds: 5\n`, /^plan\.yaml:11: .*either/],
    [
      'an unknown key in an overlay',
      `${small}    overlay:\n      - path: a\n        contents: b\n`,
      /^plan\.yaml:13: unknown key "tasks\[0\]\.overlay\[0\]\.contents"; did you mean "tasks\[0\]\.overlay\[0\]\.content"\?$/,
    ],
    ['no YAML', 'summary: [', /^plan\.yaml:1:\d+: not YAML/],
    ['a key given twice', `${small}summary: again\n`, /^plan\.yaml:11:1: not YAML/],
    ['a list', '- a', /^plan\.yaml:1: expected keys and values/],
    ['an empty file', '', /^plan\.yaml:1: expected keys and values/],
    ['no task', 'summary: x\ntasks: []\n', /^plan\.yaml:2: "tasks" is \[\]/],
  ])('%s', (_, text, words) => {
    expect(problemsOf(text)[0]).toMatch(words)
  })
})

test('all that is wrong is listed, and the message says how much', () => {
  const text = small.replace('brief:', 'breif:').replace('title:', 'titel:')
  expect(problemsOf(text).length).toBe(4)
  expect(() => readPlanFile(text, 'plan.yaml')).toThrow('(and 3 more)')
})

test('a file that unfolds without end is refused', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((name, i) => `${name}: &${name} [${Array(10).fill(`*${'abcdefghi'[i]}`).join(',')}]`).join('\n')}\n`
  expect(problemsOf(bomb)[0]).toMatch(/not YAML: .*alias/)
})

test('the example in the documentation is read whole and has nothing wrong with it', () => {
  const page = readFileSync(new URL('../../../docs/PLAN-FILE.md', import.meta.url), 'utf8')
  const example = /```yaml\n([\s\S]*?)```/.exec(page)![1]!
  const plan = readPlanFile(example, 'plan.yaml')
  expect(plan.tasks.map((task) => task.key)).toEqual(['limiter', 'docs', 'cost'])
  expect(vetPlan(plan, { files: null, agents: ['claude'] })).toEqual([])
})

test('the documentation names every key', () => {
  const page = readFileSync(new URL('../../../docs/PLAN-FILE.md', import.meta.url), 'utf8')
  const plan = readPlanFile(small, 'plan.yaml')
  const keys = [plan, plan.tasks[0]!, plan.tasks[0]!.checks[0]!].flatMap((part) => Object.keys(part))
  expect(keys.filter((key) => !page.includes(`\`${key}\``))).toEqual([])
})
