import { describe, expect, test } from 'vitest'
import { findCycle, findSideBySide, orderTasks } from '../../../daemon/planning/order.ts'
import { type PlanFacts, vetPlan } from '../../../daemon/planning/vet.ts'
import { aPlan, aTask } from './plans.ts'

const facts: PlanFacts = { files: ['src/a.ts', 'docs/x.md', 'package.json'], agents: ['claude', 'codex'] }

function vetTasks(...tasks: Record<string, unknown>[]): string[] {
  return vetPlan(aPlan({ tasks }), facts)
}

test('a plan with nothing wrong has no reasons', () => {
  const tasks = [
    aTask({ key: 'a' }),
    aTask({ key: 'b' }),
    aTask({ key: 'c', needs: ['a', 'b'], footprint: ['src/**'] }),
  ]
  expect(vetTasks(...tasks)).toEqual([])
})

describe('refused', () => {
  const cases: [string, Record<string, unknown>[], RegExp][] = [
    ['two tasks of one key', [aTask({ key: 'a' }), aTask({ key: 'a' })], /Two tasks have the key "a"/],
    [
      'a need that nobody meets',
      [aTask({ key: 'parser' }), aTask({ key: 'b', needs: ['parsr'] })],
      /"b" needs "parsr".*mean "parser"/,
    ],
    ['a circle', [aTask({ key: 'a', needs: ['b'] }), aTask({ key: 'b', needs: ['a'] })], /circle: a needs b needs a/],
    ['a task that needs itself', [aTask({ key: 'a', needs: ['a'] })], /circle: a needs a/],
    ['no check', [aTask({ key: 'a', checks: [] })], /Task "a" has no check/],
    [
      'a report without a check',
      [aTask({ key: 'a', kind: 'report', footprint: ['docs/r.md'], checks: [] })],
      /has no check.*test -s/,
    ],
    [
      'a vacuous check',
      [aTask({ key: 'a', checks: [{ name: 'ok', command: 'npm test || true', kind: 'holds' }] })],
      /Task "a".*"ok".*proves nothing/,
    ],
    [
      'two checks of one name',
      [
        aTask({
          checks: [
            { name: 't', command: 'x', kind: 'holds' },
            { name: 't', command: 'y', kind: 'holds' },
          ],
        }),
      ],
      /two checks called "t"/,
    ],
    ['an absolute footprint', [aTask({ key: 'a', footprint: ['/etc/passwd'] })], /footprint of task "a" is absolute/],
    ['a footprint that climbs out', [aTask({ footprint: ['src/../../x'] })], /leaves the repository/],
    ['one that climbs out in braces', [aTask({ footprint: ['{src,..}/x'] })], /leaves the repository/],
    ["git's own folder", [aTask({ footprint: ['.git/hooks/**'] })], /git's own folder/],
    ["git's own folder, spelt large", [aTask({ footprint: ['sub/.GIT/config'] })], /git's own folder/],
    ['an empty footprint glob', [aTask({ footprint: [' '] })], /is empty/],
    ['an exclusion', [aTask({ footprint: ['!src/a.ts'] })], /cannot exclude/],
    ['a folder for its files', [aTask({ footprint: ['src'] })], /write "src\/\*\*"/],
    [
      'everything beside others',
      [aTask({ key: 'a', footprint: ['**'] }), aTask({ key: 'b' })],
      /Task "a" claims every file/,
    ],
    ['an unsafe overlay', [aTask({ overlay: [{ path: '../x', content: '' }] })], /overlay.*leaves/],
    ['an overlay over a folder', [aTask({ overlay: [{ path: 'src', content: '' }] })], /is a folder/],
    ['an unknown agent', [aTask({ agent: 'cluade' })], /agent "cluade".*mean "claude"/],
    ['an unknown agent with no name near', [aTask({ agent: 'zzzzzzzz' })], /Known agents: claude, codex/],
    ['a report without a file', [aTask({ kind: 'report', footprint: ['docs/**'] })], /names no file/],
    [
      'overlap side by side',
      [aTask({ key: 'a', footprint: ['src/**'] }), aTask({ key: 'b', footprint: ['**/a.ts'] })],
      /"a" and "b" may run side by side.*src\/a\.ts.*needs.*sharedPaths/,
    ],
  ]
  test.each(cases)('%s', (_, tasks, reason) => {
    const reasons = vetTasks(...tasks)
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toMatch(reason)
  })
})

test('one task alone may claim every file, and so may one that waits for the others', () => {
  expect(vetTasks(aTask({ footprint: ['**'] }))).toEqual([])
  expect(vetTasks(aTask({ key: 'a' }), aTask({ key: 'b', needs: ['a'], footprint: ['**'] }))).toEqual([])
})

test('overlap is allowed in order, through a chain, and in shared paths', () => {
  const a = aTask({ key: 'a', footprint: ['src/x.ts'] })
  const b = aTask({ key: 'b', needs: ['a'] })
  const c = aTask({ key: 'c', needs: ['b'], footprint: ['src/x.ts'] })
  expect(vetTasks(a, b, c)).toEqual([])
  const side = [a, aTask({ key: 'd', footprint: ['src/x.ts'] })]
  expect(vetPlan(aPlan({ tasks: side, sharedPaths: ['src/x.ts'] }), facts)).toEqual([])
  expect(vetPlan(aPlan({ tasks: side }), facts)).toHaveLength(1)
})

test('an overlay may lie outside the footprint', () => {
  expect(vetTasks(aTask({ overlay: [{ path: 'tests/acceptance.test.ts', content: 'x' }] }))).toEqual([])
})

test('finished tasks may be needed, are not vetted again, and stand in nobody’s way', () => {
  const done = { ...facts, finished: ['old'] }
  expect(vetPlan(aPlan({ tasks: [aTask({ needs: ['old'] })] }), done)).toEqual([])
  const old = aTask({ key: 'old', checks: [], footprint: ['**'] })
  const whole = aPlan({ tasks: [old, aTask({ footprint: ['src/**'], needs: ['old'] }), aTask({ key: 'b' })] })
  expect(vetPlan(whole, done)).toEqual(vetPlan(aPlan({ tasks: whole.tasks.slice(1) }), done))
  expect(vetPlan(whole, facts)).toHaveLength(3)
})

test('what may not be changed is refused in a footprint', () => {
  const strict = { ...facts, footprintForbidden: [{ glob: '.github/**', because: null }] }
  expect(vetPlan(aPlan({ tasks: [aTask({ footprint: ['.github/workflows/ci.yml'] })] }), strict)[0]).toMatch(
    /"\.github\/\*\*" may not/,
  )
})

test("the plan's own checks are vetted, and do not stand in for a task's", () => {
  const checks = [{ name: 'all', command: 'npm test', kind: 'holds' }]
  expect(vetPlan(aPlan({ checks, tasks: [aTask({ checks: [] })] }), facts)).toHaveLength(1)
  expect(vetPlan(aPlan({ checks: [{ name: 'all', command: 'true', kind: 'holds' }] }), facts)[0]).toMatch(
    /^The plan has a check "all"/,
  )
})

test('sixty tasks that all overlap give a bounded list', () => {
  const tasks = Array.from({ length: 60 }, (_, index) => aTask({ key: `t${index}`, footprint: ['src/a.ts'] }))
  const reasons = vetTasks(...tasks)
  expect(reasons.length).toBeLessThanOrEqual(41)
  expect(reasons.at(-1)).toMatch(/1730 more/)
})

test('order keeps the plan where needs allow it, and puts each behind what it needs', () => {
  const tasks = [
    { key: 'c', needs: ['a'] },
    { key: 'a', needs: ['finished-before'] },
    { key: 'b', needs: [] },
  ]
  expect(orderTasks(tasks).map((task) => task.key)).toEqual(['a', 'c', 'b'])
  expect(findCycle(tasks)).toBeUndefined()
  expect(findSideBySide(tasks).map(([a, b]) => a.key + b.key)).toEqual(['cb', 'ab'])
})

test('a circle is found behind tasks that merely wait for it', () => {
  const tasks = [
    { key: 'x', needs: ['a'] },
    { key: 'a', needs: ['b'] },
    { key: 'b', needs: ['a'] },
  ]
  expect(findCycle(tasks)).toEqual(['a', 'b', 'a'])
  expect(orderTasks(tasks)).toEqual([])
})
