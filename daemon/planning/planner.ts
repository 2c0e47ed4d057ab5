/**
 * Has the brain draft a plan.
 *
 * Asks with a schema that every provider's structured output takes (all keys there, null where
 * there is nothing to say) and answers in the terms of core. It judges nothing: `vetPlan` and the
 * baseline do, and their reasons come back here with the plan they refused.
 */
import { z } from 'zod'
import { type Act, ActEffect, ActHost, PROBES } from '../../core/act.ts'
import { PlannedCredential } from '../../core/credential.ts'
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

const secondsAfter = PROBES.port.shape.timeoutSeconds
  .unwrap()
  .nullable()
  .describe('Seconds that it may take after the work until it passes; null: 30')
const host = z.string().describe('One of hosts')

/** What is declared of a task of kind `act`, as it crosses the wire. */
const WireAct = z.object({
  hosts: z.array(
    z.object({
      name: ActHost.shape.name.describe('What it is called in `ssh NAME`, in effects and probes'),
      address: ActHost.shape.address.describe('Host name or address'),
      port: ActHost.shape.port.unwrap().nullable().describe('Of ssh; null: 22'),
      user: ActHost.shape.user.describe('The account to log in as'),
      key: ActHost.shape.key.describe('The private key to log in with: the name or reference that the owner gave it'),
      hostKey: ActHost.shape.hostKey
        .unwrap()
        .describe('Its public key, where the owner gave it; null: as in their known_hosts'),
    }),
  ),
  effects: z.array(
    z.object({
      kind: ActEffect.shape.kind,
      name: ActEffect.shape.name.describe('The unit, the package, the absolute path, or what it is called'),
      host: z.string().nullable().describe('One of hosts; null: a file on this machine'),
      what: ActEffect.shape.what.describe('What becomes of it, for the owner'),
      undo: ActEffect.shape.undo
        .unwrap()
        .describe('Shell command that takes it back, run where it is; null: see undoByHand'),
      undoByHand: ActEffect.shape.undoByHand
        .unwrap()
        .describe('How a person takes it back, where no command can; else null'),
    }),
  ),
  probes: z.array(
    z.union([
      PROBES.port.extend({ timeoutSeconds: secondsAfter }),
      PROBES.http.extend({
        timeoutSeconds: secondsAfter,
        status: PROBES.http.shape.status.unwrap().nullable().describe('null: 200'),
        contains: PROBES.http.shape.contains.unwrap().describe('Text that the body must hold; null: any'),
      }),
      PROBES.unit.extend({
        timeoutSeconds: secondsAfter,
        host,
        user: z.boolean().describe('A user unit of the account that is logged in to'),
      }),
      PROBES.ssh.extend({
        timeoutSeconds: secondsAfter,
        host,
        exitCode: PROBES.ssh.shape.exitCode.unwrap().nullable().describe('null: 0'),
        contains: PROBES.ssh.shape.contains.unwrap().describe('Text that it must print; null: any'),
      }),
    ]),
  ),
})

const WireTask = z.object({
  key: PlannedTask.shape.key.describe('Its name in needs: lower-case letters, digits, dashes'),
  title: PlannedTask.shape.title.describe('One line'),
  kind: TaskKind.describe(
    'change: work on the repository. report: ends in a written file. act: changes something outside',
  ),
  brief: PlannedTask.shape.brief.describe('All that the agent is told'),
  needs: z.array(z.string()).describe('Keys of tasks that must be merged first'),
  footprint: z.array(z.string()).describe('Globs of the files it may change; empty for an act'),
  checks: z.array(WireCheck).describe('At least one; none for an act, which has probes'),
  overlay: z
    .array(OverlayFile)
    .describe('Acceptance tests laid over the checkout when checks run: path and whole content'),
  agent: z.string().nullable().describe('null, unless the owner asked for a certain agent'),
  credentials: z
    .array(
      z.object({
        secret: PlannedCredential.shape.secret.describe('Its name, or where it lies, as the owner’s words say'),
        variable: PlannedCredential.shape.variable.describe('The variable that the agent finds it in'),
        as: PlannedCredential.shape.as.unwrap().describe('The value itself, or the path of a file that holds it'),
      }),
    )
    .max(20)
    .describe('Secrets without which it cannot be done; mostly empty. The owner is asked before any is given'),
  act: WireAct.nullable().describe('For kind act: what it declares; else null'),
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
    tasks: wire.tasks.map(({ act, ...task }) => ({
      ...task,
      ...(act && { act: toAct(act) }),
      checks: task.checks.map(toCheck),
      agent: task.agent?.trim() || null,
    })),
  })
}

/** Nulls are left to core's defaults, except where null itself says something. */
function toAct(wire: z.infer<typeof WireAct>): z.input<typeof Act> {
  const given = <T extends object>(value: T) =>
    Object.fromEntries(Object.entries(value).filter(([, part]) => part !== null)) as {
      [K in keyof T]: NonNullable<T[K]>
    }
  return { ...wire, hosts: wire.hosts.map(given), probes: wire.probes.map(given) }
}

function toCheck({ timeoutSeconds, network, ...check }: z.infer<typeof WireCheck>): z.input<typeof Check> {
  return {
    ...check,
    network: network ?? false,
    // A limit that is out of range is a slip, not a reason to ask again.
    ...(timeoutSeconds !== null && { timeoutSeconds: Math.min(3600, Math.max(1, Math.round(timeoutSeconds))) }),
  }
}
