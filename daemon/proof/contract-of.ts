import type { PlanDraft } from '../../core/plan.ts'
import type { Contract } from '../../core/proof.ts'
import type { Task } from '../../core/task.ts'

/** What a task was promised to be, from its plan. */
export function contractOf(task: Task, draft: PlanDraft): Contract {
  return {
    checks: task.spec.checks,
    overlay: task.spec.overlay,
    footprint: task.spec.footprint,
    sharedPaths: draft.sharedPaths,
    ...(draft.offLimits ? { offLimits: draft.offLimits } : {}),
    ...(task.spec.act ? { probes: task.spec.act.probes } : {}),
  }
}
