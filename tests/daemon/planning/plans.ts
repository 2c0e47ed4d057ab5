import { PlanDraft } from '../../../core/plan.ts'

type Loose = Record<string, unknown>

/** A task that nothing is wrong with; what a test is about is given. */
export function aTask(over: Loose = {}): Loose {
  const key = String(over['key'] ?? 'limit')
  return {
    key,
    title: `Work on ${key}`,
    brief: 'Do it.',
    footprint: [`src/${key}/**`],
    checks: [{ name: 'tests', command: 'npm test', kind: 'fails-before' }],
    ...over,
  }
}

export function aPlan(over: Loose = {}): PlanDraft {
  return PlanDraft.parse({ summary: 'A plan', tasks: [aTask()], ...over })
}

/** An act that nothing is wrong with. */
export function anAct(over: Loose = {}): Loose {
  return {
    hosts: [{ name: 'web1', address: '192.0.2.10', user: 'deploy', key: 'file:/keys/deploy' }],
    effects: [
      { kind: 'service', name: 'hello.service', host: 'web1', what: 'serves a page', undo: 'systemctl stop hello' },
    ],
    probes: [{ name: 'the page', kind: 'fails-before', probe: 'http', url: 'http://192.0.2.10:8080/' }],
    ...over,
  }
}

export function anActTask(over: Loose = {}, act: Loose = {}): Loose {
  return aTask({ key: 'serve', kind: 'act', footprint: [], checks: [], act: anAct(act), ...over })
}
