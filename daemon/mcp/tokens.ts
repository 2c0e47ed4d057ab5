import { createHash, randomBytes } from 'node:crypto'
import { DAY, MINUTE } from '../../core/clock.ts'
import { Fault, nearest } from '../../core/fault.ts'
import { newId } from '../../core/id.ts'
import type { World } from '../../core/world.ts'
import type { Store } from '../store/store.ts'
import type { Row } from '../store/tables.ts'

/** read: what changes nothing; act: everything the owner can do over MCP. */
export type TokenScope = 'read' | 'act'

export interface OwnerToken {
  id: string
  name: string
  scopes: TokenScope[]
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
}

/**
 * The owner's tokens for MCP clients.
 *
 * A secret is shown once, when it is made; kept is its hash. One that was revoked or has expired opens
 * nothing from that moment on.
 */
export interface Tokens {
  /** Throws input_invalid where a token of that name is there. */
  create(wanted: {
    name: string
    scopes: readonly TokenScope[]
    days: number | null
  }): Promise<{ token: OwnerToken; secret: string }>
  /** Those that may still open something, oldest first. */
  list(): Promise<OwnerToken[]>
  /** By name or id. Throws input_invalid where there is none. */
  revoke(name: string): Promise<OwnerToken>
  find(secret: string): Promise<OwnerToken | undefined>
}

/** Tells our secrets from others at a glance, for people and for scanners. */
const PREFIX = 'claw_'
const TOKENS_MAX = 100
/** `last used` is written at most so often: a call must not cost a sync of the disk. */
const USED_EVERY_MS = MINUTE

export function createTokens({ store, world }: { store: Store; world: World }): Tokens {
  /** By hash. Read once; this process alone writes them. */
  let known: Promise<Map<string, OwnerToken>> | undefined

  const load = () => {
    known ??= (async () => {
      const rows = await store.db
        .selectFrom('token')
        .selectAll()
        .where('revokedAt', 'is', null)
        .orderBy('createdAt')
        .execute()
      return new Map(rows.map((row) => [row.hash, fromRow(row)]))
    })()
    // A failed read is tried again by the next call.
    known.catch(() => {
      known = undefined
    })
    return known
  }
  const isOver = ({ expiresAt }: OwnerToken) => expiresAt !== null && expiresAt <= world.clock.now()

  return {
    async create({ name, scopes, days }) {
      const tokens = await load()
      if ([...tokens.values()].some((token) => token.name === name)) {
        throw new Fault('input_invalid', `There is a token called ${name} already`, {
          hint: `\`claw token revoke ${name}\` ends it.`,
        })
      }
      if (tokens.size >= TOKENS_MAX)
        throw new Fault('input_invalid', `There are ${TOKENS_MAX} tokens; revoke some first`)
      const now = world.clock.now()
      const secret = PREFIX + randomBytes(32).toString('base64url')
      const expiresAt = days === null ? null : now + days * DAY
      const token: OwnerToken = {
        id: newId('token', now),
        name,
        scopes: [...scopes],
        createdAt: now,
        expiresAt,
        lastUsedAt: null,
      }
      const row = { ...token, scopes: JSON.stringify(token.scopes), hash: hashOf(secret), revokedAt: null }
      await store.transaction((tx) => tx.insertInto('token').values(row).execute())
      tokens.set(row.hash, token)
      return { token, secret }
    },
    list: async () => [...(await load()).values()],
    async revoke(name) {
      const tokens = await load()
      const found = [...tokens].find(([, token]) => token.name === name || token.id === name)
      if (!found) {
        const near = nearest(
          name,
          [...tokens.values()].map((token) => token.name),
        )
        throw new Fault(
          'input_invalid',
          `There is no token called ${name}`,
          near ? { hint: `Did you mean ${near}?` } : {},
        )
      }
      const [hash, token] = found
      // First of all it opens nothing any more.
      tokens.delete(hash)
      await store.transaction((tx) =>
        tx.updateTable('token').set({ revokedAt: world.clock.now() }).where('id', '=', token.id).execute(),
      )
      return token
    },
    async find(secret) {
      if (!secret.startsWith(PREFIX) || secret.length > 200) return undefined
      // Looked up by hash: how long that takes says nothing about any secret.
      const token = (await load()).get(hashOf(secret))
      if (!token || isOver(token)) return undefined
      const now = world.clock.now()
      if (token.lastUsedAt === null || Math.abs(now - token.lastUsedAt) >= USED_EVERY_MS) {
        token.lastUsedAt = now
        store
          .transaction((tx) => tx.updateTable('token').set({ lastUsedAt: now }).where('id', '=', token.id).execute())
          .catch((err) => world.log.warn({ err }, 'use of a token not noted'))
      }
      return { ...token }
    },
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function fromRow({ id, name, scopes, createdAt, expiresAt, lastUsedAt }: Row<'token'>): OwnerToken {
  return { id, name, scopes: JSON.parse(scopes) as TokenScope[], createdAt, expiresAt, lastUsedAt }
}
