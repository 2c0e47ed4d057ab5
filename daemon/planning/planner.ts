/**
 * Has the brain draft a plan.
 *
 * Asks with a schema that every provider's structured output takes (all keys there, null where
 * there is nothing to say) and answers in the terms of core. It judges nothing: `vetPlan` and the
 * baseline do, and their reasons come back here with the plan they refused.
 */
import { z } from 'zod'
import { Check, OverlayFile, PlanDraft, PlannedTask, TaskKind } from '../../core/plan.ts'
import type { Usage } from '../../core/run.ts'
import type { Brain } from '../brain/brain.ts'
import type { MakePlan, Prompts } from '../prompts/prompts.ts'

export interface PlanRequest extends MakePlan {
  /** A plan that was refused or replaced; its reasons are empty where only the owner's words changed. */
  previous: { draft: PlanDraft; reasons: readonly string[] } | null
  goalId?: string
}

export interface Planner {
  /** Faults: those of the brain. */
  plan(request: PlanRequest, signal?: AbortSignal): Promise<{ draft: PlanDraft; usage: Usage; author: string }>
}

export function createPlanner({ brain, prompts }: { brain: Brain; prompts: Pick<Prompts, 'makePlan'> }): Planner {
  return {
    async plan(request, signal) {
      const { goalId } = request
      const question = { purpose: 'plan' as const, goalId, ...prompts.makePlan(request), schema: WirePlan }
      const { value, usage } = await brain.ask(question, signal)
      return { draft: toDraft(value), usage, author: brain.name }
    },
  }
}

const WireCheck = z.object({
  name: Check.shape.name.describe('What it shows, in a few words; each name once per task'),
  command: Check.shape.command.describe('Shell command, run at the top of a clean checkout; exit code 0 passes'),
  kind: Check.shape.kind.describe(
    'fails-before: fails now, passes when the work is done. holds: passes before and after',
  ),
  timeoutSeconds: z.number().nullable().describe('Seconds until it is ended; null: 300; at most 3600'),
  network: z.boolean().nullable().describe('Whether it needs the network; null: no'),
})

const WireTask = z.object({
  key: PlannedTask.shape.key.describe('Its name in needs: lower-case letters, digits, dashes'),
  title: PlannedTask.shape.title.describe('One line'),
  kind: TaskKind.describe('change: work on the repository. report: ends in a written file'),
  brief: PlannedTask.shape.brief.describe('All that the agent is told'),
  needs: z.array(z.string()).describe('Keys of tasks that must be merged first'),
  footprint: z.array(z.string()).min(1).describe('Globs of the files it may change'),
  checks: z.array(WireCheck).describe('At least one'),
  overlay: z
    .array(OverlayFile)
    .describe('Acceptance tests laid over the checkout when checks run: path and whole content'),
  agent: z.string().nullable().describe('null, unless the owner asked for a certain agent'),
})

/** The plan as it crosses the wire: no optional keys, no defaults. */
export const WirePlan = z.object({
  summary: PlanDraft.shape.summary.describe('What the plan does and what was chosen, for the owner'),
  tasks: z.array(WireTask).min(1).max(60),
  sharedPaths: z.array(z.string()).describe('Globs of files that several tasks may change side by side'),
  checks: z.array(WireCheck).describe('Checks of the goal as a whole, run on every merged tree'),
  questions: z.array(z.string()).describe('For the owner; the work waits for the answers; mostly empty'),
})

function toDraft(wire: z.infer<typeof WirePlan>): PlanDraft {
  return PlanDraft.parse({
    ...wire,
    questions: wire.questions.filter((question) => question.trim() !== ''),
    checks: wire.checks.map(toCheck),
    tasks: wire.tasks.map((task) => ({
      ...task,
      checks: task.checks.map(toCheck),
      agent: task.agent?.trim() || null,
    })),
  })
}

function toCheck({ timeoutSeconds, network, ...check }: z.infer<typeof WireCheck>): z.input<typeof Check> {
  return {
    ...check,
    network: network ?? false,
    // A limit that is out of range is a slip, not a reason to ask again.
    ...(timeoutSeconds !== null && { timeoutSeconds: Math.min(3600, Math.max(1, Math.round(timeoutSeconds))) }),
  }
}
