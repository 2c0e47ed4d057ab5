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
