import type { Run, RunId } from '../../core/run.ts'
import { taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { MemoryForTools, RunContext, RunMemory } from '../../tools/context.ts'
import type { StoreInbox } from '../inbox/store-inbox.ts'
import type { OutsideTools } from '../mcp-client/outside-tools.ts'
import type { EventWriter } from '../orchestrator/event-writer.ts'
import type { Skills } from '../skills/skills.ts'
import { createSkillsForRun } from '../skills/skills-for-run.ts'
import { getGoal, getPlan, getRun, getTask, listTasks } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { createAskOwner } from './ask-owner.ts'
import { createOutsideForRun } from './outside-for-run.ts'
import { createScratchpad } from './scratchpad.ts'

export interface RunContextDeps {
  store: Store
  world: World
  inbox: StoreInbox
  events: Pick<EventWriter, 'write'>
  /** Undefined where there is no memory. */
  memory(): MemoryForTools | undefined
  skills?: Skills
  /** Where a task's private HOME lies. */
  homeOf(taskId: string): string
  /** The owner's other servers, where there are any. */
  outside?: OutsideTools
}

/** What a run may do through its token. Everything hangs on the run's own row: no call names another. */
export function createRunContexts(deps: RunContextDeps): (runId: RunId) => RunContext {
  const { store } = deps
  const askOwner = createAskOwner(deps)
  const scratchpad = createScratchpad(deps)

  return (runId) => {
    const row = (): Promise<Run> => getRun(store.db, runId)
    const memory = deps.memory()
    return {
      brief: async () => briefOf(store, await row()),
      readScratch: async () => scratchpad.read(await row()),
      appendScratch: async (text) => scratchpad.append(await row(), text),
      async progress(text) {
        const { id, taskId, goalId } = await row()
        deps.events.write({ type: 'run.updated', goalId, taskId, runId: id, data: { kind: 'progress', text } })
      },
      askOwner: (question, waitMs, signal) => askOwner(runId, question, waitMs, signal),
      memory: memory && memoryOf(store, memory, row),
      skills: deps.skills && createSkillsForRun({ store, skills: deps.skills, homeOf: deps.homeOf }, row),
      outside: deps.outside && createOutsideForRun({ store, tools: deps.outside }, row),
    }
  }
}

async function briefOf(store: Store, run: Run) {
  const task = await getTask(store.db, run.taskId)
  const goal = await getGoal(store.db, run.goalId)
  const plan = await getPlan(store.db, task.planId)
  const others = (await listTasks(store.db, goal.id)).filter(
    (other) => other.planId === task.planId && other.id !== task.id,
  )
  return {
    task: taskLabel(goal.number, task.number),
    title: task.spec.title,
    attempt: run.attempt,
    brief: task.spec.brief,
    goal: goal.text,
    footprint: task.spec.footprint,
    sharedPaths: plan.draft?.sharedPaths ?? [],
    checks: task.spec.checks.map(({ name, command, kind }) => ({ name, command, kind })),
    feedback: task.next?.feedback || null,
    others: others.map((other) => ({
      task: taskLabel(goal.number, other.number),
      title: other.spec.title,
      state: other.state,
    })),
  }
}

/** Its repository's and goal's notes and the general ones; what it writes is its repository's. */
function memoryOf(store: Store, memory: MemoryForTools, row: () => Promise<Run>): RunMemory {
  const scopesOf = async () => {
    const run = await row()
    const { repositoryId } = await getGoal(store.db, run.goalId)
    return { run, repository: `repo:${repositoryId}`, goal: `goal:${run.goalId}` }
  }
  return {
    async recall(question, limit) {
      const { repository, goal } = await scopesOf()
      return memory.recall(question, { scopes: ['global', repository, goal], limit })
    },
    async remember(note) {
      const { run, repository } = await scopesOf()
      const source = { from: 'run' as const, ref: run.id }
      const { noteId, words } = await memory.remember({ ...note, scope: repository, source, by: run.id })
      return { noteId, words }
    },
  }
}
