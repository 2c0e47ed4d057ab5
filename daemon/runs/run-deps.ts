/** What a run of an agent is given to work with. */
import type { Goal } from '../../core/goal.ts'
import type { Contract } from '../../core/proof.ts'
import type { Redactor } from '../../core/redact.ts'
import type { Run } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { Acts } from '../acts/acts.ts'
import type {
  AgentDriver,
  AgentHooks,
  AgentProfile,
  AgentSpec,
  ModelAccess,
  RunVerdict,
  TurnEnd,
} from '../agents/agent.ts'
import type { OpenTurn } from '../agents/counted-prompt.ts'
import type { RunMemory } from '../memory/recall-for-work.ts'
import type { EventWriter } from '../orchestrator/event-writer.ts'
import type { RunRegistry } from '../orchestrator/run-registry.ts'
import type { Credentials } from '../secrets/credentials.ts'
import type { Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import type { Repository } from '../worktrees/worktree.ts'

/** A task's worktree made ready to work in. */
export interface Workplace {
  /** Variables for the agent: ports, tool chains' caches, PATH. */
  env: Record<string, string>
  home: string
  tmp: string
  /** Where the agent may connect to besides its model and its tools (see Reach). */
  hosts?: readonly string[]
}

export interface RunTaskDeps {
  store: Store
  queue: Queue
  world: World
  desk: RepositoryDesk
  registry: RunRegistry
  driver: AgentDriver
  events: EventWriter
  /** The profile and the model it talks to, which the run may ask until this is disposed of; what counts its turns where no gateway does. Throws agent_not_found, agent_unavailable. */
  agent(run: Run): Promise<{ profile: AgentProfile; model: ModelAccess | null; openTurn?: OpenTurn } & Disposable>
  /** Runs the repository's set-up in the worktree, or copies what it gave before. Throws setup_failed. */
  prepare(
    input: { repository: Repository; task: Task; base: string; worktree: string; runId: string },
    signal: AbortSignal,
  ): Promise<Workplace>
  /** Ends whatever a crash left of a run. Never touches a process that is not the run's. */
  endLeftovers(run: Pick<Run, 'id' | 'pid' | 'pidStart'>): Promise<void>
  permission(input: { run: Run; task: Task; goal: Goal }): AgentHooks['onPermission']
  /** The secrets that the task names, if the owner agreed; waits for their word. */
  credentials?(of: { run: Run; task: Task; goal: Goal }, signal: AbortSignal): Promise<Credentials>
  /** Who answers for a host that policy does not name; left out: such a host is refused. */
  askHost?(input: { run: Run; task: Task; goal: Goal }): NonNullable<AgentHooks['onHost']>
  /** What each check says on the base before the work, where it is not what its kind promises. */
  baseline?(
    input: { goal: Goal; repository: Repository; contract: Contract; base: string; tag: string },
    signal: AbortSignal,
  ): Promise<string[]>
  /** The tools of a run, for agents that take them over MCP. */
  mcpServers?(run: Pick<Run, 'id'>, profile: AgentProfile): AgentSpec['mcpServers']
  /** For tasks that change something outside their worktree. */
  acts: Pick<Acts, 'probe' | 'open'>
  prompts: {
    /** All that an agent is told that works outside, in whatever session. */
    act(input: PromptInput): string
    start(input: PromptInput): string
    goOn(input: PromptInput): string
    resume(input: PromptInput): string
    reconcile(input: PromptInput & { conflicts: string[]; others: { title: string; brief: string }[] }): string
  }
  /** What memory says that bears on the task. */
  recall(task: Task, goal: Goal): Promise<RunMemory>
  verdict(error: unknown): RunVerdict
  /** Whether the way a turn ended speaks against it, should it have changed nothing. */
  turnVerdict(end: TurnEnd): RunVerdict | undefined
  /** Takes secrets out of what the agent says. */
  redactor?: Redactor
  runsDir: string
  silenceMs: number
  softFailuresMax: number
}

export interface PromptInput {
  task: Task
  goal: Goal
  sharedPaths: string[]
  offLimits: string[]
  feedback: string
  memory: RunMemory
}
