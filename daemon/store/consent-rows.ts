import type { Goal } from '../../core/goal.ts'
import type { Db } from './tables.ts'

/** What an owner agreed to or refused once, for a goal or for a whole repository. */

export interface Consent {
  subject: string
  verdict: 'given' | 'refused'
  by: string
}

export async function addConsent(
  db: Db,
  now: number,
  consent: Consent & ({ goalId: Goal['id'] } | { repositoryId: Goal['repositoryId'] }),
): Promise<void> {
  await db
    .insertInto('consent')
    .values({ goalId: null, repositoryId: null, ...consent, at: now })
    .execute()
}

/** The latest word on a subject; that for the goal comes before that for its repository. */
export async function findConsent(
  db: Db,
  subject: string,
  goal: Pick<Goal, 'id' | 'repositoryId'>,
): Promise<Consent | undefined> {
  const rows = await db
    .selectFrom('consent')
    .selectAll()
    .where('subject', '=', subject)
    .where((row) => row.or([row('goalId', '=', goal.id), row('repositoryId', '=', goal.repositoryId)]))
    .orderBy('id', 'desc')
    .execute()
  const row = rows.find(({ goalId }) => goalId === goal.id) ?? rows[0]
  return row && { subject: row.subject, verdict: row.verdict as Consent['verdict'], by: row.by }
}

/** Every secret that may be given to somebody: what has to be known to be kept out of texts. */
export async function listConsented(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('consent').select('subject').distinct().where('verdict', '=', 'given').execute()
  return rows.map(({ subject }) => subject)
}
