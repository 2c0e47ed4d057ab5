/**
 * Decides which ready tasks start now, and with which agent. Pure. This is the one place where
 * width is decided: limits of the daemon, of a repository and of an agent, and the rule that tasks
 * whose footprints meet outside the shared paths are not worked on side by side.
 */
import type { Goal } from '../../core/goal.ts'
import type { Run } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'

export interface Candidate {
  task: Task
  goal: Goal
  /** Globs of the goal's plan that several tasks may change. */
  sharedPaths: readonly string[]
  /** Agents of the task's runs so far, oldest first. */
  agentsBefore: readonly string[]
}

export interface Picture {
  now: number
  /** Ready tasks of open goals, in the order in which they should start. */
  ready: readonly Candidate[]
  /** Tasks that are being worked on, proven or landed. */
  busy: readonly { task: Task; repositoryId: string }[]
  liveRuns: readonly Pick<Run, 'agent' | 'taskId'>[]
  /** Goals that wait for an answer before anything of theirs may start. */
  heldGoals: ReadonlySet<string>
  /** Agents that can be started, best first. */
  agents: readonly string[]
  runsMax: number
  perRepositoryMax: number
  perAgentMax: Readonly<Record<string, number>>
  overlap(a: readonly string[], b: readonly string[], sharedPaths: readonly string[]): boolean
}

export interface Start {
  task: Task
  goal: Goal
  agent: string
}

export function chooseStarts(picture: Picture): { starts: Start[]; wakeAt: number | null; without: Candidate[] } {
  const starts: Start[] = []
  const without: Candidate[] = []
  let wakeAt: number | null = null
  const perAgent = new Map<string, number>()
  for (const run of picture.liveRuns) perAgent.set(run.agent, (perAgent.get(run.agent) ?? 0) + 1)
  const busy = [...picture.busy]
  let live = picture.liveRuns.length

  for (const candidate of picture.ready) {
    const { task, goal } = candidate
    if (picture.heldGoals.has(goal.id)) continue
    if (task.notBefore !== null && task.notBefore > picture.now) {
      wakeAt = Math.min(wakeAt ?? task.notBefore, task.notBefore)
      continue
    }
    if (live >= picture.runsMax) continue
    const working = busy.filter((other) => other.task.state === 'running' && other.repositoryId === goal.repositoryId)
    if (working.length >= picture.perRepositoryMax) continue
    const meets = busy.some(
      (other) =>
        other.task.goalId === task.goalId &&
        picture.overlap(other.task.spec.footprint, task.spec.footprint, candidate.sharedPaths),
    )
    if (meets) continue
    const agent = chooseAgent(
      candidate,
      picture.agents,
      (name) => (perAgent.get(name) ?? 0) < (picture.perAgentMax[name] ?? Number.POSITIVE_INFINITY),
    )
    if (agent === 'none') {
      without.push(candidate)
      continue
    }
    if (agent === 'later') continue
    starts.push({ task, goal, agent })
    live++
    perAgent.set(agent, (perAgent.get(agent) ?? 0) + 1)
    busy.push({ task: { ...task, state: 'running' }, repositoryId: goal.repositoryId })
  }
  return { starts, wakeAt, without }
}

/** `none`: no agent could ever take it as things are; `later`: all that could are busy. */
function chooseAgent(candidate: Candidate, agents: readonly string[], isFree: (agent: string) => boolean): string {
  const { task, goal, agentsBefore } = candidate
  const last = agentsBefore.at(-1)
  const named = task.spec.agent ?? goal.agent
  let choices = named ? agents.filter((agent) => agent === named) : [...agents]
  if (task.next?.strategy === 'other-agent' && !named) {
    const others = choices.filter((agent) => !agentsBefore.includes(agent))
    if (others.length > 0) choices = others
  } else if (last && choices.includes(last)) {
    // Whoever worked on it goes on, as long as nothing speaks for a change.
    choices = [last, ...choices.filter((agent) => agent !== last)]
  }
  if (choices.length === 0) return 'none'
  if (task.next?.strategy === 'same-session' && last && choices[0] === last) return isFree(last) ? last : 'later'
  return choices.find(isFree) ?? 'later'
}
