/**
 * Carries what happens to those who should know: asks, the progress of their goals, reports.
 *
 * It reads the record of events with a cursor of its own. What an event leads to and the cursor behind it are one
 * transaction, so that after a kill nothing is said twice and nothing is left out. What others see of an ask is one
 * message per chat: the first answer changes all of them.
 */
import { MINUTE } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/events.ts'
import { isFault } from '../../core/fault.ts'
import type { GoalId } from '../../core/goal.ts'
import type { World } from '../../core/world.ts'
import type { Channel } from '../channels/channel.ts'
import { findOuts, getChat } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import { findAsk, latestEvent, listEvents } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Db, Tx } from '../store/tables.ts'
import { quietUntil } from './quiet.ts'
import { createRemind } from './remind.ts'
import { createTell } from './tell.ts'

export interface HeraldConfig {
  quietHours: string | null
  remindHours: number | null
  remindMax: number
  expireDays: number | null
}

export interface HeraldDeps {
  store: Store
  queue: Queue
  world: World
  config: HeraldConfig
  timezone: string
  channel(name: string): Channel | undefined
  /** Whether a channel is set up, open or not. */
  isKnown(name: string): boolean
  /** Pauses a goal that nobody answered for. */
  pause(goal: string, by: string): Promise<void>
}

export interface Herald extends AsyncDisposable {
  start(): Promise<void>
  /** Asks that were opened while a channel was away are told there. */
  onChannelReady(): void
  /** Whether somebody was told of this over a channel; waits until it was looked at. */
  isTold(event: StoredEvent): Promise<boolean>
}

const CURSOR = 'chat.cursor'
const PAGE_MAX = 200
const LOOK_AFTER_MS = 100
/** How often open asks are looked at for a reminder. */
const REMIND_LOOK_MS = 5 * MINUTE
/** Somebody came, or may do more than before. */
const PEOPLE_EVENTS: ReadonlySet<string> = new Set(['person.paired', 'person.roleChanged'])
const PROGRESS_EVENTS: ReadonlySet<string> = new Set([
  'goal.added',
  'goal.paused',
  'goal.resumed',
  'goal.quarantined',
  'goal.landed',
  'plan.requested',
  'plan.proposed',
  'plan.activated',
  'task.moved',
  'ask.opened',
  'ask.answered',
  'ask.mooted',
  'goal.met',
  'goal.dropped',
])

export function createHerald(deps: HeraldDeps): Herald {
  const { store, world, config } = deps
  const unasked = (now: number) => quietUntil(config.quietHours, now, deps.timezone)
  const tell = createTell({ ...deps, unasked })
  const remind = createRemind({ ...deps, unasked })
  const log = world.log.child({ part: 'herald' })
  let isOn = false
  let cursor = 0
  let timer: Disposable | undefined
  let reminder: Disposable | undefined
  let looking: Promise<void> = Promise.resolve()
  let watch: Disposable | undefined

  function lookSoon(): void {
    if (!isOn || timer) return
    timer = world.clock.after(LOOK_AFTER_MS, () => {
      timer = undefined
      void look()
    })
  }

  function look(): Promise<void> {
    looking = looking.then(readOn).catch((error) => log.error({ err: error }, 'what happened could not be passed on'))
    return looking
  }

  async function readOn(): Promise<void> {
    while (isOn) {
      const page = await listEvents(store.db, { after: cursor, limit: PAGE_MAX })
      const last = page.at(-1)
      if (!last) return
      const wanted = page.filter(
        ({ type }) => type === 'goal.reported' || PROGRESS_EVENTS.has(type) || PEOPLE_EVENTS.has(type),
      )
      // What an agent says while it works is read past without a word to the disk; after a kill it is read again.
      if (wanted.length === 0) {
        cursor = last.id
        continue
      }
      await store.transaction(async (tx) => {
        // Of many events of one goal only its present state is told.
        const goals = new Set<GoalId>()
        for (const event of wanted) {
          if (event.goalId && PROGRESS_EVENTS.has(event.type)) goals.add(event.goalId)
          if (event.type === 'ask.opened' || event.type === 'ask.answered' || event.type === 'ask.mooted') {
            await orLog(event.goalId, () => tell.ask(tx, event.data.number))
          }
        }
        for (const goalId of goals) await orLog(goalId, () => tell.progress(tx, goalId))
        for (const { type, goalId } of wanted) {
          if (type === 'goal.reported' && goalId) await orLog(goalId, () => tell.report(tx, goalId))
        }
        if (wanted.some(({ type }) => PEOPLE_EVENTS.has(type))) await orLog(null, () => tell.openAsks(tx))
        await writeCursor(tx, last.id)
      })
      cursor = last.id
    }
  }

  /** A goal whose rows are beyond reading holds up nobody else's. */
  async function orLog(goalId: GoalId | null, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (isFault(error, 'store_broken') || isFault(error, 'disk_full')) throw error
      log.error({ err: error, goalId }, 'nobody could be told')
    }
  }

  function remindLater(): void {
    reminder = world.clock.after(REMIND_LOOK_MS, () => {
      looking = looking.then(remind).catch((error) => log.error({ err: error }, 'nobody could be reminded'))
      if (isOn) remindLater()
    })
  }

  return {
    async start() {
      isOn = true
      const kept = await readCursor(store.db)
      cursor = kept ?? (await latestEvent(store.db))
      // What happened before there were channels is told to nobody; open asks reach whoever is let in.
      if (kept === undefined) await store.transaction((tx) => writeCursor(tx, cursor))
      watch = store.onCommit(lookSoon)
      await look()
      await remind().catch((error) => log.error({ err: error }, 'nobody could be reminded'))
      remindLater()
    },
    onChannelReady() {
      if (!isOn) return
      looking = looking
        .then(() => store.transaction((tx) => tell.openAsks(tx)))
        .catch((error) => log.error({ err: error }, 'open asks could not be passed on'))
    },
    async isTold(event) {
      if (!isOn) return false
      for (let before = -1; cursor < event.id && isOn && before !== cursor; ) {
        before = cursor
        await look()
      }
      const key =
        event.type === 'ask.opened'
          ? (await findAsk(store.db, { number: event.data.number }))?.id
          : event.goalId && (event.type === 'goal.met' || event.type === 'goal.dropped')
            ? event.goalId
            : undefined
      if (!key) return false
      const kinds = event.type === 'ask.opened' ? [`ask:${key}:%`] : [`report:${key}:%`, `goal:${key}:%`]
      for (const like of kinds) {
        const told = await findOuts(store.db, like)
        const chats = await Promise.all(told.map(({ chatId }) => getChat(store.db, chatId)))
        // The terminal is where the owner may not be looking.
        if (chats.some(({ channel }) => deps.channel(channel)?.kind !== 'terminal')) return true
      }
      return false
    },
    async [Symbol.asyncDispose]() {
      isOn = false
      watch?.[Symbol.dispose]()
      timer?.[Symbol.dispose]()
      reminder?.[Symbol.dispose]()
      await looking
    },
  }
}

async function readCursor(db: Db): Promise<number | undefined> {
  const row = await db.selectFrom('setting').select('value').where('name', '=', CURSOR).executeTakeFirst()
  return row && Number(row.value)
}

async function writeCursor(tx: Tx, cursor: number): Promise<void> {
  const value = String(cursor)
  await tx
    .insertInto('setting')
    .values({ name: CURSOR, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}
