import type { Act } from '../../core/act.ts'
import { effectWords } from '../../core/act-words.ts'
import type { Goal } from '../../core/goal.ts'
import type { CheckResult } from '../../core/proof.ts'
import type { Run } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { Acts } from '../acts/acts.ts'
import { failTask } from '../orchestrator/fail-task.ts'
import { send } from '../orchestrator/jobs.ts'
import { expectEffects } from '../store/effect-rows.ts'
import type { Queue } from '../store/queue.ts'
import { getTask, listRuns, moveTask, updateRun } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { endRun } from './end-run.ts'
import { unheardWords } from './owner-words.ts'

export interface BeginActDeps {
  store: Store
  queue: Queue
  world: World
  acts: Pick<Acts, 'probe'>
  softFailuresMax: number
}

/**
 * What stands before each run of an act: a look from outside. `over`: the run has ended without an agent, because
 * it is done already or because a new run is to be told what may have happened. `surprised`: the first look says
 * otherwise than the plan. `go`: an agent works now, and is told `already`.
 */
export type ActBeginning = { step: 'over' } | { step: 'surprised'; words: string[] } | { step: 'go'; already: string }

/**
 * What was done outside cannot be done again without a thought, so an act is never simply repeated. Where an agent
 * of this task may have done something before (a crash, a pause, a failed attempt), the probes decide: if they all
 * pass, it is proven; else the next run is told what may be there. Effects are written down before an agent starts.
 */
export function createBeginAct(deps: BeginActDeps) {
  const { store, queue, world } = deps

  return async function beginAct(
    { run, task, goal }: { run: Run; task: Task; goal: Goal },
    signal: AbortSignal,
  ): Promise<ActBeginning> {
    const act = task.spec.act
    if (!act) throw new Error(`task ${task.id} is no act`)
    const others = (await listRuns(store.db, { taskId: task.id })).filter((other) => other.id !== run.id)
    // Redelivered: the daemon was stopped while an agent was at work, or about to be.
    const wasCut = run.state !== 'starting' || run.pid !== null || run.sessionId !== null
    const mayHaveActed = wasCut || others.some((other) => other.sessionId !== null)
    const before = await deps.acts.probe({ task, goal, isAfterWork: false, tag: `${run.id}/before` }, signal)
    const hasMore = (await unheardWords(store.db, run)).text !== ''
    // What was seen before anything was done stays; a second look after a crash is no such look.
    if (!run.before) await store.transaction((tx) => updateRun(tx, run.id, { before }))

    if (mayHaveActed && before.every((result) => result.passed) && !hasMore) {
      await endProven({ run, task, goal }, wasCut)
      return { step: 'over' }
    }
    if (wasCut) {
      await endCut({ run, task, goal })
      return { step: 'over' }
    }
    const words = mayHaveActed || others.length > 0 ? [] : surprises(before)
    if (words.length > 0) return { step: 'surprised', words }
    await store.transaction((tx) => expectEffects(tx, world.clock.now(), task, act))
    return { step: 'go', already: mayHaveActed ? alreadyWords(act, before) : '' }
  }

  /** All probes pass, so there is nothing left to do; the proof looks once more. */
  async function endProven(of: { run: Run; task: Task; goal: Goal }, wasCut: boolean): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const note = wasCut
        ? 'the daemon was stopped while it was at work; its probes pass'
        : 'its probes pass already, so no agent was started'
      await endRun(tx, now, of, { outcome: wasCut ? 'lost' : 'done', failure: null, note, commit: null })
      if ((await getTask(tx, of.task.id)).state !== 'running') return
      await moveTask(tx, now, of.task.id, 'proving')
      await send(queue, tx, 'prove', of.run.id)
    })
  }

  async function endCut(of: { run: Run; task: Task; goal: Goal }): Promise<void> {
    const note = 'the daemon was stopped while it was at work; what it did outside may be there'
    await store.transaction(async (tx) => {
      await endRun(tx, world.clock.now(), of, { outcome: 'lost', failure: 'environment', note, commit: null })
      const fresh = await getTask(tx, of.task.id)
      if (fresh.state !== 'running') return
      await failTask(tx, queue, world, {
        task: fresh,
        goal: of.goal,
        failure: 'environment',
        feedback: note,
        note,
        softFailuresMax: deps.softFailuresMax,
      })
    })
  }
}

/** Pure: what speaks against the plan before anybody has done anything. */
export function surprises(before: readonly CheckResult[]): string[] {
  return before.flatMap(({ name, command, kind, passed, tail }) => {
    if (kind === 'fails-before' && passed)
      return [`"${name}" is to fail before the work, and it passes already (${command})`]
    if (kind === 'holds' && !passed)
      return [
        `"${name}" is to hold before and after, and it fails already (${command}): ${tail.split('\n').at(-1)?.slice(0, 200) ?? ''}`,
      ]
    return []
  })
}

/** Pure: what a run is told that is not the first to work on an act. */
export function alreadyWords(act: Act, before: readonly CheckResult[]): string {
  return [
    'An agent worked on this task before you and may have done any part of it. Look before you do something, and do nothing twice. This may be there already:',
    act.effects.map((effect) => `- ${effectWords(effect)}`).join('\n'),
    'Seen from outside, right now:',
    before
      .map(({ name, command, passed }) => `- ${name} (${command}): ${passed ? 'passes' : 'does not pass'}`)
      .join('\n'),
  ].join('\n\n')
}
