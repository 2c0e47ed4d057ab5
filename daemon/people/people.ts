/**
 * Who may talk to Claw: people, their roles, and the codes by which an account becomes one of them.
 *
 * Whoever writes for the first time is nobody. They get a code that means nothing until somebody at this machine
 * says it (`claw pair CODE`): that is the only way in, whatever a message claims.
 */
import { randomInt } from 'node:crypto'
import { z } from 'zod'
import { HOUR } from '../../core/clock.ts'
import { Fault, nearest } from '../../core/fault.ts'
import { newId } from '../../core/id.ts'
import { type Person, Role } from '../../core/person.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import type { Sender } from '../channels/channel.ts'
import { TERMINAL, TERMINAL_SENDER } from '../channels/terminal-channel.ts'
import type { ChatRow } from '../store/chat-rows.ts'
import {
  addIdentity,
  addPerson,
  findPerson,
  listIdentities,
  listPeople,
  personOf,
  removePerson,
  setRole,
} from '../store/person-rows.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Db } from '../store/tables.ts'

export const PairInput = z.strictObject({
  code: z.string().trim().min(1).max(40).describe('The code that the account was given.'),
  name: z
    .string()
    .trim()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,39}$/u, 'letters, digits, spaces, dots and dashes')
    .nullable()
    .default(null)
    .describe('What to call them; a name that is there already adds the account to that person.'),
  role: Role.nullable()
    .default(null)
    .describe('Null: owner where there is no other yet, else guest; for a person who is there already, as it is.'),
})
export type PairInput = z.infer<typeof PairInput>

export interface PersonView {
  person: Person
  accounts: { channel: string; senderId: string; name: string }[]
}

export interface WaitingPairing {
  channel: string
  senderName: string
  createdAt: number
  expiresAt: number
}

export interface People {
  list(): Promise<{ people: PersonView[]; waiting: WaitingPairing[] }>
  /** Throws pairing_not_found; input_invalid where whoever sits at this machine would be no owner any more. */
  pair(input: PairInput, by: string): Promise<PersonView>
  setRole(person: string, role: Role, by: string): Promise<PersonView>
  remove(person: string, by: string): Promise<void>
  /** Whoever sits at this machine is an owner, and the conversation there is theirs. */
  ensureLocal(chatId: string): Promise<void>
  /** The code that an account may be paired by: the same one until it has expired. Undefined: too many wait. */
  offer(db: Db, channel: string, sender: Sender, chat: ChatRow): Promise<{ code: string; isNew: boolean } | undefined>
}

const CODE_MS = HOUR
/** Strangers cannot fill the disk with codes. */
const CODES_MAX = 100
/** Without letters and digits that look like others. */
const LETTERS = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'

export function createPeople({ store, world }: { store: Store; world: World }): People {
  async function named(db: Db, name: string): Promise<Person> {
    const found = (await findPerson(db, { name })) ?? (await findPerson(db, { id: name }))
    if (found) return found
    const near = nearest(
      name,
      (await listPeople(db)).map((person) => person.name),
    )
    throw new Fault('person_not_found', `there is no person ${oneLine(name)}`, {
      hint: near ? `Did you mean ${near}?` : '`claw people` lists them.',
    })
  }

  async function view(db: Db, person: Person): Promise<PersonView> {
    const accounts = (await listIdentities(db)).filter((identity) => identity.personId === person.id)
    return { person, accounts: accounts.map(({ channel, senderId, name }) => ({ channel, senderId, name })) }
  }

  async function freeName(db: Db, wanted: string): Promise<string> {
    const base =
      oneLine(wanted)
        .replaceAll(/[^\p{L}\p{N} ._-]/gu, '')
        .trim()
        .slice(0, 36) || 'somebody'
    for (let n = 1; ; n++) {
      const name = n === 1 ? base : `${base} ${n}`
      if (!(await findPerson(db, { name }))) return name
    }
  }

  /** Whoever sits at this machine can do everything anyway: to say otherwise would only look safe. */
  async function assertNotLocal(db: Db, person: Person): Promise<void> {
    const local = await personOf(db, TERMINAL, TERMINAL_SENDER.id)
    if (local?.id !== person.id) return
    throw new Fault('input_invalid', `${person.name} is whoever sits at this machine, and stays an owner`, {
      hint: 'Give the account from outside a person of its own: `claw pair CODE --name NAME`.',
    })
  }

  return {
    async list() {
      const people = await listPeople(store.db)
      const waiting = await store.db
        .selectFrom('pairing')
        .selectAll()
        .where('expiresAt', '>', world.clock.now())
        .orderBy('createdAt')
        .execute()
      return {
        people: await Promise.all(people.map((person) => view(store.db, person))),
        // The codes stay with those who were given them.
        waiting: waiting.map(({ channel, senderName, createdAt, expiresAt }) => ({
          channel,
          senderName,
          createdAt,
          expiresAt,
        })),
      }
    },
    pair({ code, name, role }, by) {
      return store.transaction(async (tx) => {
        const now = world.clock.now()
        const pairing = await tx
          .selectFrom('pairing')
          .selectAll()
          .where('code', '=', code.toUpperCase().replaceAll(/[^A-Z0-9]/g, ''))
          .where('expiresAt', '>', now)
          .executeTakeFirst()
        if (!pairing) {
          throw new Fault('pairing_not_found', `no account waits with the code ${oneLine(code).slice(0, 40)}`, {
            hint: 'Codes last an hour; write to Claw again for a new one. `claw people` lists who waits.',
          })
        }
        const before = name === null ? undefined : await findPerson(tx, { name })
        // The one at the terminal is always there; the first account from outside is taken to be theirs too.
        const owners = new Set((await listPeople(tx, { role: 'owner' })).map(({ id }) => id))
        const hasOwner = (await listIdentities(tx)).some(
          ({ channel, personId }) => channel !== TERMINAL && owners.has(personId),
        )
        const person: Person = before ?? {
          id: newId('person', now),
          name: name ?? (await freeName(tx, pairing.senderName)),
          role: role ?? (hasOwner ? 'guest' : 'owner'),
          createdAt: now,
        }
        if (!before) await addPerson(tx, person)
        else if (role !== null && role !== before.role) {
          await assertNotLocal(tx, before)
          await setRole(tx, person.id, role)
        }
        const { channel, senderId, senderName } = pairing
        await addIdentity(tx, now, { channel, senderId, personId: person.id, name: senderName })
        await tx
          .updateTable('chat')
          .set({ personId: person.id })
          .where('id', '=', pairing.chatId)
          .where('kind', '=', 'direct')
          .execute()
        await tx.deleteFrom('pairing').where('code', '=', pairing.code).execute()
        const paired = { ...person, role: role ?? person.role }
        await addEvent(tx, now, {
          type: 'person.paired',
          data: { person: paired.name, role: paired.role, channel, account: senderName, by },
        })
        return view(tx, paired)
      })
    },
    setRole(name, role, by) {
      return store.transaction(async (tx) => {
        const person = await named(tx, name)
        if (role !== 'owner') await assertNotLocal(tx, person)
        await setRole(tx, person.id, role)
        await addEvent(tx, world.clock.now(), { type: 'person.roleChanged', data: { person: person.name, role, by } })
        return view(tx, { ...person, role })
      })
    },
    remove(name, by) {
      return store.transaction(async (tx) => {
        const person = await named(tx, name)
        await assertNotLocal(tx, person)
        await removePerson(tx, world.clock.now(), person.id)
        await addEvent(tx, world.clock.now(), { type: 'person.removed', data: { person: person.name, by } })
      })
    },
    ensureLocal: (chatId) =>
      store.transaction(async (tx) => {
        const now = world.clock.now()
        let local = await personOf(tx, TERMINAL, TERMINAL_SENDER.id)
        if (!local) {
          local = { id: newId('person', now), name: await freeName(tx, 'owner'), role: 'owner', createdAt: now }
          await addPerson(tx, local)
          const account = { channel: TERMINAL, senderId: TERMINAL_SENDER.id, name: 'this machine' }
          await addIdentity(tx, now, { ...account, personId: local.id })
        }
        await tx.updateTable('chat').set({ personId: local.id }).where('id', '=', chatId).execute()
      }),
    async offer(db, channel, sender, chat) {
      const now = world.clock.now()
      await db.deleteFrom('pairing').where('expiresAt', '<=', now).execute()
      const known = await db
        .selectFrom('pairing')
        .select('code')
        .where('channel', '=', channel)
        .where('senderId', '=', sender.id)
        .executeTakeFirst()
      if (known) return { code: known.code, isNew: false }
      const { count } = await db
        .selectFrom('pairing')
        .select(db.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      if (Number(count) >= CODES_MAX) return undefined
      const code = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
      const senderName = oneLine(sender.name).slice(0, 80)
      await db
        .insertInto('pairing')
        .values({
          code,
          channel,
          senderId: sender.id,
          senderName,
          chatId: chat.id,
          createdAt: now,
          expiresAt: now + CODE_MS,
        })
        .execute()
      return { code, isNew: true }
    },
  }
}

/** `ABCD-EFGH` */
export function showCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}
