import type { PlannedTask } from '../../core/plan.ts'

type Ordered = Pick<PlannedTask, 'key' | 'needs'>

/**
 * The tasks so that each stands behind all it needs, otherwise in the plan's own order. Needs that
 * name no task of the list (finished ones) hold nothing up. Tasks of a cycle are left out: `findCycle` names them.
 */
export function orderTasks<T extends Ordered>(tasks: readonly T[]): T[] {
  const known = new Set(tasks.map((task) => task.key))
  const placed = new Set<string>()
  const ordered: T[] = []
  let left = [...tasks]
  for (;;) {
    const next = left.find((task) => task.needs.every((need) => placed.has(need) || !known.has(need)))
    if (!next) return ordered
    placed.add(next.key)
    ordered.push(next)
    left = left.filter((task) => task !== next)
  }
}

/** The keys of one circle, the first repeated at the end; undefined where there is none. */
export function findCycle(tasks: readonly Ordered[]): string[] | undefined {
  const settled = new Set(orderTasks(tasks))
  const stuck = new Map(tasks.filter((task) => !settled.has(task)).map((task) => [task.key, task]))
  const path: string[] = []
  // Every stuck task needs a stuck one, so walking from any of them comes round.
  let key = stuck.keys().next().value
  while (key !== undefined) {
    const seenAt = path.indexOf(key)
    if (seenAt !== -1) return [...path.slice(seenAt), key]
    path.push(key)
    key = stuck.get(key)?.needs.find((need) => stuck.has(need))
  }
  return undefined
}

/** Every pair that no chain of needs puts in order: they may run side by side. */
export function findSideBySide<T extends Ordered>(tasks: readonly T[]): [T, T][] {
  const before = new Map<string, Set<string>>()
  for (const task of orderTasks(tasks)) {
    const all = new Set<string>()
    for (const need of task.needs) {
      all.add(need)
      for (const earlier of before.get(need) ?? []) all.add(earlier)
    }
    before.set(task.key, all)
  }
  return tasks.flatMap((task, index) =>
    tasks
      .slice(index + 1)
      .filter((other) => !before.get(task.key)?.has(other.key) && !before.get(other.key)?.has(task.key))
      .map((other): [T, T] => [task, other]),
  )
}
