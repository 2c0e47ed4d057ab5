import { describe, expect, test } from 'vitest'
import { actFingerprint } from '../../../core/act.ts'
import { readPlanFile } from '../../../daemon/planning/plan-file.ts'
import { vetPlan } from '../../../daemon/planning/vet.ts'
import { anAct, anActTask, aPlan, aTask } from './plans.ts'

const facts = { files: null, agents: [], foldersForbidden: ['/home/ada/.claw', '/home/ada/.ssh'] }
const vet = (...tasks: Record<string, unknown>[]) => vetPlan(aPlan({ tasks }), facts)
const effect = (over: Record<string, unknown>) => ({
  effects: [{ kind: 'file', name: '/srv/page/index.html', what: 'the page', undo: 'rm /srv/page/index.html', ...over }],
})
const host = { name: 'web1', address: '192.0.2.10', user: 'deploy', key: 'file:/keys/deploy' }

test('an act with nothing wrong has no reasons, also beside changes and between them', () => {
  expect(vet(anActTask())).toEqual([])
  const build = aTask({ key: 'build' })
  expect(vet(build, anActTask({ needs: ['build'] }), aTask({ key: 'docs', needs: ['serve'] }))).toEqual([])
  expect(vet(anActTask({}, { hosts: [], ...effect({ host: null }) }))).toEqual([])
})

describe('an act is refused', () => {
  const cases: [string, Record<string, unknown>[], RegExp][] = [
    ['that declares nothing', [anActTask({ act: undefined })], /"serve" is of kind `act` and declares nothing/],
    ['without probes', [anActTask({}, { probes: [] })], /"serve" has no probe/],
    ['without effects', [anActTask({}, { effects: [], hosts: [] })], /"serve" declares no effect/],
    [
      'with an effect that cannot be undone',
      [anActTask({}, { effects: [{ kind: 'package', name: 'nginx', host: 'web1', what: 'installed' }] })],
      /"serve" declares package "nginx" without an undo step/,
    ],
    [
      'with two ways back',
      [anActTask({}, effect({ host: 'web1', undoByHand: 'call Bob' }))],
      /two ways to undo file "\/srv\/page\/index.html"/,
    ],
    [
      'with an undo step that does nothing',
      [anActTask({}, effect({ host: 'web1', undo: 'true' }))],
      /takes nothing back/,
    ],
    ['with an effect on a host that is not declared', [anActTask({}, effect({ host: 'web2' }))], /"web2".*mean "web1"/],
    [
      'with a probe on a host that is not declared',
      [anActTask({}, { probes: [{ name: 'u', kind: 'holds', probe: 'unit', host: 'db', unit: 'a.service' }] })],
      /The probe "u" of task "serve" names the host "db"/,
    ],
    [
      'with a probe that cannot fail',
      [anActTask({}, { probes: [{ name: 'ok', kind: 'holds', probe: 'ssh', host: 'web1', command: 'true' }] })],
      /"ok" that passes whatever was done/,
    ],
    [
      'with two probes of one name',
      [anActTask({}, { probes: [...(anAct()['probes'] as []), ...(anAct()['probes'] as [])] })],
      /two probes called "the page"/,
    ],
    [
      'with one effect twice',
      [anActTask({}, { effects: [...(anAct()['effects'] as []), ...(anAct()['effects'] as [])] })],
      /twice/,
    ],
    ['with a host twice', [anActTask({}, { hosts: [host, host] })], /two hosts called "web1"/],
    [
      'with a host it has nothing to do with',
      [anActTask({}, { hosts: [host, { ...host, name: 'other' }] })],
      /reaches the host "other" and says neither/,
    ],
    [
      'that wants a service of this machine without ssh',
      [anActTask({}, { effects: [{ kind: 'service', name: 'cron', what: 'stopped', undo: 'systemctl start cron' }] })],
      /service "cron" on this machine/,
    ],
    ['that wants a relative file here', [anActTask({}, effect({ name: 'page.html' }))], /write its absolute path/],
    ['that climbs', [anActTask({}, effect({ name: '/srv/../etc/passwd' }))], /without ".."/],
    ['that wants too much of this machine', [anActTask({}, effect({ name: '/etc' }))], /too much of this machine/],
    [
      "that wants Claw's own home",
      [anActTask({}, effect({ name: '/home/ada/.claw/x' }))],
      /nothing in \/home\/ada\/.claw/,
    ],
    [
      "that wants the owner's whole home",
      [anActTask({}, effect({ name: '/home/ada/' }))],
      /nothing in \/home\/ada\/.claw/,
    ],
    [
      'with a key that is neither a name nor a reference',
      [anActTask({}, { hosts: [{ ...host, key: 'BEGIN OPENSSH' }] })],
      /logs in to "web1" with a key that is neither/,
    ],
    [
      'with checks',
      [anActTask({ checks: [{ name: 'x', command: 'npm test', kind: 'holds' }] })],
      /write them as probes/,
    ],
    ['with an overlay', [anActTask({ overlay: [{ path: 'a', content: '' }] })], /has an overlay/],
    ['with a footprint', [anActTask({ footprint: ['src/**'] })], /has a footprint/],
    [
      'beside another that changes the same',
      [anActTask(), anActTask({ key: 'again' })],
      /both change service "hello.service"/,
    ],
  ]
  test.each(cases)('%s', (_, tasks, words) => {
    const reasons = vet(...tasks)
    expect(reasons.join('\n')).toMatch(words)
  })
})

test('only an act may declare effects, and every other task needs a footprint', () => {
  expect(vet(aTask({ act: anAct() })).join()).toMatch(/only a task of kind `act`/)
  expect(vet(aTask({ footprint: [] })).join()).toMatch(/"limit" has no footprint/)
})

test('checks of the whole that nothing would ever run are refused', () => {
  const checks = [{ name: 'all', command: 'npm test', kind: 'holds' }]
  expect(vetPlan(aPlan({ tasks: [anActTask()], checks }), facts).join()).toMatch(/would never be run/)
  expect(vetPlan(aPlan({ tasks: [anActTask(), aTask()], checks }), facts)).toEqual([])
})

describe('a plan file', () => {
  const file = (act: string) =>
    readPlanFile(
      `summary: s\ntasks:\n  - key: a\n    title: A\n    kind: act\n    brief: b\n    act:\n${act}`,
      'plan.yaml',
    )

  test('reads an act, with defaults', () => {
    const { tasks } = file(
      [
        '      hosts: [{ name: web1, address: 192.0.2.10, user: deploy, key: "env:KEY" }]',
        '      probes: [{ name: p, kind: holds, probe: port, address: 192.0.2.10, port: 22 }]',
      ].join('\n'),
    )
    expect(tasks[0]).toMatchObject({ kind: 'act', footprint: [], checks: [] })
    expect(tasks[0]!.act).toMatchObject({
      hosts: [{ port: 22, hostKey: null }],
      effects: [],
      probes: [{ timeoutSeconds: 30 }],
    })
  })

  test.each([
    ['a misspelt key', '      prob: []', /^plan\.yaml:8: unknown key "tasks\[0\]\.act\.prob"; did you mean/],
    ['an unknown probe', '      probes: [{ name: p, kind: holds, probe: ping }]', /^plan\.yaml:8: .*probe/],
    [
      'a misspelt key of a probe',
      '      probes: [{ name: p, kind: holds, probe: port, adress: a, port: 1 }]',
      /^plan\.yaml:8: unknown key "tasks\[0\]\.act\.probes\[0\]\.adress"/,
    ],
    [
      'a host name that ends a line of ssh_config',
      '      hosts: [{ name: web1, address: "a\\n  ProxyCommand x", user: u, key: "env:K" }]',
      /hosts\[0\]\.address/,
    ],
  ])('%s is refused with its line', (_, act, words) => {
    expect(() => file(act)).toThrow(words)
  })
})

test('an approval is for exactly what was shown', () => {
  const act = (over = {}, credentials: unknown[] = []) => {
    const spec = aPlan({ tasks: [anActTask({ credentials }, over)] }).tasks[0]!
    return { act: spec.act!, credentials: spec.credentials }
  }
  expect(actFingerprint(act())).toBe(actFingerprint(act()))
  expect(actFingerprint(act({ hosts: [{ ...host, user: 'root' }] }))).not.toBe(actFingerprint(act()))
  expect(actFingerprint(act({}, [{ secret: 'env:X', variable: 'X' }]))).not.toBe(actFingerprint(act()))
})
