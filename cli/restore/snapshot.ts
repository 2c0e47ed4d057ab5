/**
 * Going back a version: the database as it was before a migration.
 *
 * The store leaves `claw.db.before-<n>` beside the database before it runs migration n. To go back is to
 * put that file in its place; what happened since is not in it, so it is told first, and the database as it
 * is now is kept under another name.
 */
import { existsSync, readdirSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { lockHome } from '../../config/home-lock.ts'
import type { Paths } from '../../config/paths.ts'
import { Fault } from '../../core/fault.ts'

export interface Snapshot {
  file: string
  /** The migration that it was taken before. */
  before: number
}

/** What would be lost, as facts. */
export interface Loss {
  schemaNow: number
  schemaThen: number
  /** The last event that is in the snapshot. */
  takenAt: number | null
  events: number
  goalsAdded: { number: number; text: string; state: string }[]
  goalsMoved: { number: number; text: string; was: string; is: string }[]
  landings: { goal: number; branch: string; commit: string }[]
  answers: number
}

/** Newest first. */
export function listSnapshots(paths: Paths): Snapshot[] {
  const name = `${basename(paths.databaseFile)}.before-`
  return (existsSync(paths.stateDir) ? readdirSync(paths.stateDir) : [])
    .filter((file) => file.startsWith(name) && /^\d+$/.test(file.slice(name.length)))
    .map((file) => ({ file: join(paths.stateDir, file), before: Number(file.slice(name.length)) }))
    .sort((a, b) => b.before - a.before)
}

type Row = Record<string, string | number | null>

/** Reads both and changes neither. Only columns of the first schema are looked at: every version has them. */
export function findLoss(paths: Paths, snapshot: Snapshot): Loss {
  const now = new DatabaseSync(paths.databaseFile, { readOnly: true })
  const then = new DatabaseSync(snapshot.file, { readOnly: true })
  try {
    const schema = (database: DatabaseSync) =>
      Number((database.prepare('pragma user_version').get() as Row)['user_version'])
    const goals = (database: DatabaseSync) =>
      database.prepare('select id, number, text, state from goal order by number').all() as Row[]
    const before = new Map(goals(then).map((goal) => [goal['id'], goal]))
    const after = goals(now).map((goal) => ({
      number: Number(goal['number']),
      text: String(goal['text']),
      is: String(goal['state']),
      was: before.get(goal['id']!)?.['state'] as string | undefined,
    }))
    const known = new Set(
      (then.prepare("select id from landing where state = 'landed'").all() as Row[]).map((row) => row['id']),
    )
    const landed = now
      .prepare(
        `select l.id, l.branch, l.merged, l."commit", g.number from landing l join goal g on g.id = l.goalId
         where l.state = 'landed' order by l.createdAt`,
      )
      .all() as Row[]
    const last = then.prepare('select id, at from event order by id desc limit 1').get() as Row | undefined
    const count = (sql: string, ...values: number[]) => Number((now.prepare(sql).get(...values) as Row)['n'])
    return {
      schemaNow: schema(now),
      schemaThen: schema(then),
      takenAt: last ? Number(last['at']) : null,
      events: count('select count(*) as n from event where id > ?', Number(last?.['id'] ?? 0)),
      goalsAdded: after
        .filter((goal) => goal.was === undefined)
        .map(({ number, text, is }) => ({ number, text, state: is })),
      goalsMoved: after.flatMap(({ number, text, is, was }) =>
        was !== undefined && was !== is ? [{ number, text, was, is }] : [],
      ),
      // The last one on each branch holds the others.
      landings: [
        ...new Map(
          landed
            .filter((row) => !known.has(row['id']!))
            .map((row) => ({
              goal: Number(row['number']),
              branch: String(row['branch']),
              commit: String(row['merged'] ?? row['commit']),
            }))
            .map((one) => [`${one.goal} ${one.branch}`, one] as const),
        ).values(),
      ],
      answers: count('select count(*) as n from ask where settledAt > ?', Number(last?.['at'] ?? 0)),
    }
  } finally {
    now.close()
    then.close()
  }
}

/** Puts the snapshot in place; answers where the database as it was now lies. Faults: home_locked. */
export function takeSnapshotBack(paths: Paths, snapshot: Snapshot, now: number): string {
  using _lock = lockHome(paths.lockFile)
  const kept = `${paths.databaseFile}.undone-${now}`
  const database = new DatabaseSync(paths.databaseFile)
  try {
    database.prepare('vacuum into ?').run(kept)
    database.exec('pragma wal_checkpoint(truncate)')
  } finally {
    database.close()
  }
  // The last connection to close takes the log with it; another one's would be played into the snapshot.
  if (existsSync(`${paths.databaseFile}-wal`)) {
    throw new Fault('move_refused', `another program has ${paths.databaseFile} open`, {
      hint: 'Close it; nothing was changed.',
    })
  }
  renameSync(snapshot.file, paths.databaseFile)
  return kept
}
