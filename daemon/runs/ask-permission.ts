import type { Goal } from '../../core/goal.ts'
import type { Run } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { AgentHooks, PermissionRequest } from '../agents/agent.ts'
import type { PermissionDecision } from '../agents/broker.ts'
import { openAsk } from '../inbox/ask.ts'
import type { StoreInbox } from '../inbox/store-inbox.ts'
import type { EventWriter } from '../orchestrator/event-writer.ts'
import { addEvent, getRun, listAsks, moveRun, updateAsk } from '../store/rows.ts'
import type { Store } from '../store/store.ts'

export interface PermissionDeps {
  store: Store
  world: World
  inbox: StoreInbox
  events: Pick<EventWriter, 'write' | 'flush'>
  /** Policy first, with its rule and reason. */
  decide(request: PermissionRequest): Promise<PermissionDecision>
  fingerprint(request: PermissionRequest): string
}

/**
 * Answers an agent's permission request: by policy, by an answer that the owner gave to the same question
 * before, or by an ask that waits as long as it takes. While it waits the run says so.
 */
export function createAskPermission(deps: PermissionDeps) {
  const { store, world, inbox } = deps

  return ({ run, task, goal }: { run: Run; task: Task; goal: Goal }): AgentHooks['onPermission'] => {
    // Answers that this session has had. One that the session before a crash had may have died on its way to
    // the agent, so whoever goes on in its place gets it again instead of asking the owner twice.
    const had = new Set<string>()
    return async (request, signal) => {
      const { decision: verdict, reason, rule } = await deps.decide(request)
      const label = taskLabel(goal.number, task.number)
      const what = describe(request)
      const audited = { type: 'permission.decided' as const, goalId: goal.id, taskId: task.id, runId: run.id }
      deps.events.write({ ...audited, data: { label, agent: run.agent, what, verdict, reason, rule, by: 'policy' } })
      world.log.info({ runId: run.id, request: request.title, verdict, rule, reason }, 'permission')
      if (verdict !== 'ask') return pick(request, verdict)
      // In the order in which it happened: the question before its answer.
      await deps.events.flush()
      const fingerprint = deps.fingerprint(request)
      const before = (await listAsks(store.db, { goalId: goal.id })).findLast(
        (ask) =>
          ask.kind === 'permission' &&
          ask.taskId === task.id &&
          ask.fingerprint === fingerprint &&
          (ask.settledAt === null || (ask.state === 'answered' && ask.runId === run.id && !had.has(ask.id))),
      )
      if (before?.state === 'answered') {
        had.add(before.id)
        await store.transaction((tx) => updateAsk(tx, before.id, { settledAt: world.clock.now() }))
        return pick(request, before.answer?.choice === 'allow' ? 'allow' : 'reject')
      }
      const ask = await store.transaction(async (tx) => {
        const now = world.clock.now()
        if ((await getRun(tx, run.id)).state === 'running') await moveRun(tx, run.id, 'waiting')
        if (before) return before
        return openAsk(tx, now, {
          kind: 'permission',
          goalId: goal.id,
          taskId: task.id,
          runId: run.id,
          fingerprint,
          question: `Task ${label}: ${run.agent} wants to ${what}. Allow it?`,
          detail: [
            reason,
            request.command ? `\`\`\`\n${request.command}\n\`\`\`` : '',
            ...request.paths.map((path) => `- \`${path}\``),
          ]
            .filter(Boolean)
            .join('\n\n'),
          choices: [
            { id: 'allow', label: 'Allow it this once' },
            { id: 'reject', label: 'Refuse it' },
          ],
          freeText: false,
        })
      })
      const settled = await inbox.settled(ask.id, signal)
      had.add(ask.id)
      await store.transaction(async (tx) => {
        const now = world.clock.now()
        await updateAsk(tx, ask.id, { settledAt: now })
        if ((await getRun(tx, run.id)).state === 'waiting') await moveRun(tx, run.id, 'running')
        const said = settled.answer?.choice === 'allow' ? 'allow' : 'reject'
        await addEvent(tx, now, {
          ...audited,
          data: { label, agent: run.agent, what, verdict: said, reason, rule, by: settled.answer?.by ?? 'nobody' },
        })
      })
      return pick(request, settled.answer?.choice === 'allow' ? 'allow' : 'reject')
    }
  }
}

/** By kind, never by id, and never one that would hold for later requests as well. */
function pick(request: PermissionRequest, verdict: 'allow' | 'reject'): string | undefined {
  return request.options.find((option) => option.kind === (verdict === 'allow' ? 'allow_once' : 'reject_once'))?.id
}

function describe(request: PermissionRequest): string {
  if (request.command) return `run \`${request.command.split('\n')[0]!.slice(0, 120)}\``
  return `${request.kind} (${request.title.slice(0, 120)})`
}
