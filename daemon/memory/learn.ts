import { type Goal, type GoalId, isGoalEnded } from '../../core/goal.ts'
import type { World } from '../../core/world.ts'
import { scopeOf } from '../../memory/facts.ts'
import type { Memory, NoteDraft } from '../../memory/memory.ts'
import { gatherReport } from '../reports/write-report.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import type { Repository } from '../worktrees/worktree.ts'
import type { LessonWriter } from './lessons.ts'
import type { MemoryDoor } from './open-memory.ts'
import { whatWasLearned } from './what-was-learned.ts'

export interface LearnDeps {
  store: Store
  world: World
  desk: RepositoryDesk
  memory: MemoryDoor
  isWanted: boolean
  lessons: LessonWriter
}

/**
 * The job after a goal: what it taught becomes notes.
 *
 * Plain code counts and tells the story; a brain, where there is one, puts what went wrong into words. Each note
 * is one write that says which goal it is from, so that a job that was killed half-way goes on where it was and
 * nothing is counted or told twice.
 */
export function createLearn(deps: LearnDeps) {
  return async function learn(goalId: GoalId, signal: AbortSignal): Promise<void> {
    if (!deps.memory.isOn || !deps.isWanted) return
    const facts = await gatherReport(deps.store, deps.world.clock.now(), goalId)
    const { goal } = facts
    if (!isGoalEnded(goal.state)) return
    const changes = await landedChanges(facts.tasks, await deps.desk.get(goal.repositoryId))
    const learned = whatWasLearned(facts, [...new Set(changes.flatMap(({ files }) => files))])
    const memory = await deps.memory.open()
    await memory.ready()
    const count = await deps.memory.facts()
    for (const change of changes) await count.learnChange(goal.repositoryId, change)
    await count.learnChecks(goal.repositoryId, learned.checks, goal.id)
    await count.learnConventions(goal.repositoryId, learned.conventions, goal.id)
    await count.learnAgentResults(learned.results, goal.id)

    if (!isTold(memory, goal, 'lessons')) {
      const { troubles } = learned
      const text = await deps.lessons.write({ goalId: goal.id, goalText: goal.text, troubles }, signal)
      if (text !== null) {
        await tell(memory, goal, 'lessons', { kind: 'lesson', title: `What goal #${goal.number} taught`, text })
      }
    }
    if (!isTold(memory, goal, 'episode')) await tell(memory, goal, 'episode', { kind: 'episode', ...learned.episode })
  }
}

/** Files of each task that landed, by the commit that was proven. */
async function landedChanges(
  tasks: Awaited<ReturnType<typeof gatherReport>>['tasks'],
  repository: Repository,
): Promise<{ commit: string; files: string[]; at: number }[]> {
  const found = []
  for (const task of tasks) {
    if (task.state !== 'done' || task.commit === null || task.baseCommit === null) continue
    const changes = await repository.changes(task.baseCommit, task.commit)
    found.push({ commit: task.commit, files: changes.map(({ path }) => path), at: task.endedAt ?? task.createdAt })
  }
  return found
}

const subjectOf = (goal: Goal) => `goal ${goal.id}`

function isTold(memory: Memory, goal: Goal, what: 'lessons' | 'episode'): boolean {
  const scopes = [scopeOf(goal.repositoryId)]
  return memory.listNotes({ scopes, subject: subjectOf(goal), attribute: what, past: true, limit: 1 }).length > 0
}

async function tell(
  memory: Memory,
  goal: Goal,
  attribute: 'lessons' | 'episode',
  note: Pick<NoteDraft, 'kind' | 'title' | 'text'> & { text: string },
): Promise<void> {
  await memory.remember({
    ...note,
    scope: scopeOf(goal.repositoryId),
    subject: subjectOf(goal),
    attribute,
    source: { from: 'daemon', ref: `goal #${goal.number}` },
    // A note with facts is never merged with another goal's that reads alike.
    data: { goal: goal.number },
    ...(goal.endedAt === null ? {} : { observed: new Date(goal.endedAt).toISOString() }),
  })
}
