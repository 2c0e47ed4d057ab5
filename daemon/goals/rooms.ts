import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '../../core/fault.ts'
import { getGoal, getRepository } from '../store/rows.ts'
import type { Db } from '../store/tables.ts'
import { goalNamed } from './names.ts'

/**
 * The rooms that notes are kept in, as people name them: everywhere, a repository by its path or
 * URL, a goal by its number.
 */
export interface Rooms {
  /** `global`, `all`, `repo:<id>`, `goal:<number or id>`, a path or a URL. @throws input_invalid, goal_not_found */
  find(word: string): Promise<string>
  /** What a person would call it. */
  name(scope: string): Promise<string>
}

export function createRooms(db: Db): Rooms {
  async function repositoryAt(place: string): Promise<string | undefined> {
    const rows = await db.selectFrom('repository').select(['id', 'path', 'url']).execute()
    const asUrl = rows.find(({ url }) => url === place)
    if (asUrl) return asUrl.id
    // A folder within a checkout means that checkout.
    for (let path = await realpath(place).catch(() => place); ; path = dirname(path)) {
      const row = rows.find((other) => other.path === path)
      if (row) return row.id
      if (path === dirname(path)) return undefined
    }
  }

  return {
    async find(word) {
      if (word === 'global' || word === 'all' || /^repo:[^/\s]+$/.test(word)) return word
      const goal = /^goal:(.+)$/.exec(word)?.[1]
      if (goal !== undefined) return `goal:${(await goalNamed(db, goal)).id}`
      const id = await repositoryAt(word)
      if (id !== undefined) return `repo:${id}`
      throw new Fault('input_invalid', `Claw has not worked in ${word} yet, so there are no notes about it`, {
        hint: 'A scope is global, all, goal:12, or the path or URL of a repository that had a goal.',
      })
    },

    async name(scope) {
      const [kind, id = ''] = scope.split(/:(.*)/s)
      if (kind === 'repo') {
        const row = await getRepository(db, id as `repo_${string}`).catch(() => undefined)
        return row?.path ?? row?.url ?? scope
      }
      if (kind === 'goal') {
        const goal = await getGoal(db, id as `goal_${string}`).catch(() => undefined)
        return goal ? `goal ${goal.number}` : scope
      }
      return scope === 'global' ? 'everywhere' : scope
    },
  }
}
