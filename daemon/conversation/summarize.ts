/**
 * What is older than the turns that a brain reads word for word, in a few words of its own. The rows stay.
 *
 * Words of others are left out of it. In a chat of several people whoever had fewer rights than the one who speaks
 * now still had a hand in it: then the summary is material, as they themselves are.
 */
import { sql } from 'kysely'
import { z } from 'zod'
import { isFault } from '../../core/fault.ts'
import { isAtLeast, Role } from '../../core/person.ts'
import type { World } from '../../core/world.ts'
import type { Brain } from '../brain/brain.ts'
import { type ChatRow, listTurns } from '../store/chat-rows.ts'
import type { Store } from '../store/store.ts'
import { turnsForSummary } from './prompt.ts'

export interface Earlier {
  summary: string | null
  isForeign: boolean
  /** The last turn that it holds. */
  to: number
}

export interface SummariesDeps {
  store: Store
  world: World
  brain: Brain
  template: string
  /** Turns that go to the brain word for word. */
  turnsMax: number
}

/** Turns that are taken into a summary at once, and the characters of them. */
const TURNS_AT_ONCE = 1_000
const CHARACTERS_MAX = 60_000

const Summary = z.object({ summary: z.string().max(6_000) })

export function createSummaries({ store, world, brain, template, turnsMax }: SummariesDeps) {
  const log = world.log.child({ part: 'summaries' })

  function rowOf(chat: ChatRow) {
    return store.db
      .selectFrom('chat')
      .select(['summary', 'summarizedTo'])
      .where('id', '=', chat.id)
      .executeTakeFirstOrThrow()
  }

  async function summarize(chat: ChatRow, signal: AbortSignal): Promise<void> {
    const { summary, summarizedTo } = await rowOf(chat)
    const turns = await listTurns(store.db, chat.id, { after: summarizedTo, limit: TURNS_AT_ONCE })
    if (turns.length <= turnsMax * 2) return
    const older = turns.slice(0, turns.length - turnsMax)
    const before = summary ? `What was known before:\n${summary}\n\n` : ''
    const prompt = `${before}${turnsForSummary(older).slice(-CHARACTERS_MAX)}`
    const { value } = await brain.ask({ purpose: 'converse', system: template, prompt, schema: Summary }, signal)
    await store.db
      .updateTable('chat')
      .set({ summary: value.summary, summarizedTo: older.at(-1)!.id })
      .where('id', '=', chat.id)
      .execute()
  }

  /** Whether somebody with fewer rights than `role` said any of what became the summary. */
  async function wasLower(chat: ChatRow, to: number, role: Role): Promise<boolean> {
    const lower = Role.options.filter((other) => !isAtLeast(other, role))
    if (lower.length === 0) return false
    const found = await store.db
      .selectFrom('chat_turn')
      .select('id')
      .where('chatId', '=', chat.id)
      .where('id', '<=', to)
      .where('kind', '=', 'person')
      .where(sql<string>`json_extract(data, '$.role')`, 'in', lower)
      .limit(1)
      .executeTakeFirst()
    return found !== undefined
  }

  return async function earlier(chat: ChatRow, role: Role, signal: AbortSignal): Promise<Earlier> {
    try {
      await summarize(chat, signal)
    } catch (error) {
      // The conversation goes on without it: the turns are still there.
      if (signal.aborted || !isFault(error) || error.code === 'store_broken' || error.code === 'disk_full') throw error
      log.warn({ err: error, chat: chat.id }, 'older turns were not summarised')
    }
    const { summary, summarizedTo: to } = await rowOf(chat)
    return { summary, to, isForeign: summary !== null && (await wasLower(chat, to, role)) }
  }
}
