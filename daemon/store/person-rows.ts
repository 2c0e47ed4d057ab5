import type { Person, PersonId, Role } from '../../core/person.ts'
import type { Db, Row } from './tables.ts'

/** People, and the accounts by which channels know them. */

export interface Identity {
  channel: string
  senderId: string
  personId: PersonId
  name: string
}

const readPerson = ({ id, name, role, createdAt }: Row<'person'>): Person => ({
  id: id as PersonId,
  name,
  role: role as Role,
  createdAt,
})

export async function listPeople(db: Db, filter: { role?: Role } = {}): Promise<Person[]> {
  let query = db.selectFrom('person').selectAll().where('removedAt', 'is', null).orderBy('createdAt').orderBy('id')
  if (filter.role) query = query.where('role', '=', filter.role)
  return (await query.execute()).map(readPerson)
}

export async function findPerson(db: Db, by: { id: string } | { name: string }): Promise<Person | undefined> {
  const query = db.selectFrom('person').selectAll().where('removedAt', 'is', null)
  const row = await ('id' in by ? query.where('id', '=', by.id) : query.where('name', '=', by.name)).executeTakeFirst()
  return row && readPerson(row)
}

/** Who writes under this account; undefined where nobody has said so. */
export async function personOf(db: Db, channel: string, senderId: string): Promise<Person | undefined> {
  const row = await db
    .selectFrom('identity')
    .innerJoin('person', 'person.id', 'identity.personId')
    .selectAll('person')
    .where('identity.channel', '=', channel)
    .where('identity.senderId', '=', senderId)
    .where('person.removedAt', 'is', null)
    .executeTakeFirst()
  return row && readPerson(row)
}

export async function listIdentities(db: Db): Promise<Identity[]> {
  const rows = await db.selectFrom('identity').selectAll().orderBy('channel').execute()
  return rows.map(({ channel, senderId, personId, name }) => ({
    channel,
    senderId,
    personId: personId as PersonId,
    name,
  }))
}

export async function addPerson(db: Db, person: Person): Promise<void> {
  await db
    .insertInto('person')
    .values({ ...person, removedAt: null })
    .execute()
}

export async function addIdentity(db: Db, now: number, identity: Identity): Promise<void> {
  await db
    .insertInto('identity')
    .values({ ...identity, createdAt: now })
    .onConflict((conflict) =>
      conflict.columns(['channel', 'senderId']).doUpdateSet({ personId: identity.personId, name: identity.name }),
    )
    .execute()
}

/** From now on nobody; the accounts may be paired anew. */
export async function removePerson(db: Db, now: number, id: PersonId): Promise<void> {
  await db.updateTable('person').set({ removedAt: now }).where('id', '=', id).execute()
  await db.deleteFrom('identity').where('personId', '=', id).execute()
  await db.updateTable('chat').set({ personId: null }).where('personId', '=', id).execute()
}

export async function setRole(db: Db, id: PersonId, role: Role): Promise<void> {
  await db.updateTable('person').set({ role }).where('id', '=', id).execute()
}
