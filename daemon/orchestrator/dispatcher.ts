import type { Goal } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import { footprintsOverlap } from '../planning/footprint.ts'
import type { Queue } from '../store/queue.ts'
import {
  addEvent,
  addRun,
  listAsks,
  listGoals,
  listOpenRuns,
  listPlans,
  listRuns,
  listTasksIn,
  moveTask,
} from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import { type Candidate, chooseStarts, type Start } from './choose.ts'
import { send } from './jobs.ts'

export interface DispatcherDeps {
  store: Store
  queue: Queue
  world: World
  /** Agents that can be started now, best first. */
  agents(): readonly string[]
  limits: { runsMax: number; perRepositoryMax: number; perAgentMax: Readonly<Record<string, number>> }
  /** Where the worktree of a task goes. */
  worktreeOf(label: string, taskId: string): string
}

/**
 * The one serial dispatcher: reads what is ready across all goals and starts runs. The run's row,
 * the task's move and the run's job are one transaction; the process comes after it.
 */
export function createDispatcher(deps: DispatcherDeps) {
  const { store, queue, world } = deps

  return async function dispatch(): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const { ready, busy, heldGoals } = await gatherTasks(tx)
      if (ready.length === 0) return
      const { starts, wakeAt, without } = chooseStarts({
        now,
        ready,
        busy,
        heldGoals,
        liveRuns: (await listOpenRuns(tx)).filter((run) => run.agent !== 'owner'),
        agents: deps.agents(),
        ...deps.limits,
        overlap: (a, b, sharedPaths) => footprintsOverlap(a, b, null, sharedPaths),
      })
      for (const start of starts) await begin(tx, now, start)
      for (const candidate of without) await askForAgent(tx, now, candidate)
      if (wakeAt !== null) await send(queue, tx, 'dispatch', 'all', { delayMs: Math.max(1, wakeAt - now) })
    })
  }

  async function gatherTasks(tx: Tx) {
    const goals = new Map(
      (await listGoals(tx, ['open'])).filter((goal) => goal.quarantine === null).map((goal) => [goal.id, goal]),
    )
    const tasks = (await listTasksIn(tx, ['ready', 'running', 'proving', 'landing'])).filter((task) =>
      goals.has(task.goalId),
    )
    const ready: Candidate[] = []
    for (const task of tasks) {
      if (task.state !== 'ready') continue
      const goal = goals.get(task.goalId)!
      const candidate = await gatherCandidate(tx, task, goal)
      if (candidate) ready.push(candidate)
    }
    // The goal that was given first goes first; within it, in the plan's order.
    ready.sort((a, b) => a.goal.number - b.goal.number || a.task.number - b.task.number)
    const busy = tasks
      .filter((task) => task.state !== 'ready')
      .map((task) => ({ task, repositoryId: goals.get(task.goalId)!.repositoryId }))
    const heldGoals = new Set(
      (await listAsks(tx, { state: 'open' })).filter((ask) => ask.kind === 'limit').map((ask) => ask.goalId),
    )
    return { ready, busy, heldGoals }
  }

  /** Undefined where a row of the goal cannot be read: its own pass finds that and says so, the others go on. */
  async function gatherCandidate(tx: Tx, task: Task, goal: Goal): Promise<Candidate | undefined> {
    try {
      const plan = (await listPlans(tx, goal.id)).find((other) => other.id === task.planId)
      const runs = await listRuns(tx, { taskId: task.id })
      return {
        task,
        goal,
        sharedPaths: plan?.draft?.sharedPaths ?? [],
        agentsBefore: runs.map((run) => run.agent).filter((agent) => agent !== 'owner'),
      }
    } catch (error) {
      world.log.warn({ err: error, goalId: goal.id }, 'a goal cannot be read')
      await send(queue, tx, 'advance', goal.id)
      return undefined
    }
  }

  async function begin(tx: Tx, now: number, { task, goal, agent }: Start): Promise<void> {
    const label = taskLabel(goal.number, task.number)
    const id = newId('run', now)
    const attempt = (await listRuns(tx, { taskId: task.id })).length + 1
    const worktree = task.worktree ?? deps.worktreeOf(label, task.id)
    const purpose = task.next?.purpose ?? 'work'
    await moveTask(tx, now, task.id, 'running', { worktree, notBefore: null })
    await addRun(tx, {
      id,
      taskId: task.id,
      goalId: goal.id,
      attempt,
      purpose,
      agent,
      state: 'starting',
      outcome: null,
      failure: null,
      note: null,
      worktree,
      pid: null,
      pidStart: null,
      sessionId: null,
      turns: 0,
      commit: null,
      usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: null },
      startedAt: now,
      endedAt: null,
    })
    await addEvent(tx, now, {
      type: 'run.started',
      goalId: goal.id,
      taskId: task.id,
      runId: id,
      data: { label, attempt, agent, purpose },
    })
    await send(queue, tx, 'run', id)
    // Its pass sets the clock for the goal's minutes.
    if (goal.limits.minutesMax !== null) await send(queue, tx, 'advance', goal.id)
  }

  async function askForAgent(tx: Tx, now: number, { task, goal }: Candidate): Promise<void> {
    const label = taskLabel(goal.number, task.number)
    const wanted = task.spec.agent ?? goal.agent
    await moveTask(tx, now, task.id, 'blocked', {
      reason: wanted ? `the agent ${wanted} is not available` : 'no agent is available',
      next: task.next,
    })
    await openAsk(tx, now, {
      kind: 'attempts-spent',
      goalId: goal.id,
      taskId: task.id,
      question: wanted
        ? `Task ${label} wants the agent ${wanted}, which is not available here. What now?`
        : `No agent can be started for task ${label}. What now?`,
      detail:
        'An agent needs its program and either a model key (ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY) or its own login. `claw doctor` lists what was found.',
      choices: [
        { id: 'retry', label: 'Try again' },
        { id: 'drop-task', label: 'Give the task up' },
      ],
      freeText: true,
    })
  }
}
