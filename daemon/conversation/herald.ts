/**
 * Carries what happens to those who should know: asks, the progress of their goals, reports.
 *
 * It reads the record of events with a cursor of its own. What an event leads to and the cursor behind it are one
 * transaction, so that after a kill nothing is said twice and nothing is left out. What others see of an ask is one
 * message per chat: the first answer changes all of them.
 */
import type { Ask } from '../../core/ask.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/events.ts'
import { isFault } from '../../core/fault.ts'
import type { Goal, GoalId } from '../../core/goal.ts'
import type { PersonId } from '../../core/person.ts'
import type { World } from '../../core/world.ts'
import type { Channel } from '../channels/channel.ts'
import { DELIVER } from '../channels/deliver.ts'
import { SMALL_LIMITS, say } from '../channels/say.ts'
import { view } from '../goals/show-goal.ts'
import { chatOfGoal, ownerOfGoal, whyNotAnswer } from '../people/rights.ts'
import { addOut, type ChatRow, findOuts, getChat, putOut } from '../store/chat-rows.ts'
import { findPerson, listPeople } from '../store/person-rows.ts'
import type { Queue } from '../store/queue.ts'
import { findAsk, getGoal, latestEvent, listAsks, listEvents } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Db, Tx } from '../store/tables.ts'
import { askButtons, askText, settledText } from './ask-message.ts'
import { progressText, reportText } from './goal-message.ts'
import { quietUntil } from './quiet.ts'

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
  /** Pauses a goal that nobody answered for. */
  pause(goal: string, by: string): Promise<void>
}

export interface Herald extends AsyncDisposable {
  start(): Promise<void>
  /** Whether somebody was told of this over a channel; waits until it was looked at. */
  isTold(event: StoredEvent): Promise<boolean>
}

const CURSOR = 'chat.cursor'
const PAGE_MAX = 200
/** Progress waits so long for more of it. */
const PROGRESS_MS = 2 * SECOND
const LOOK_AFTER_MS = 100
/** How often open asks are looked at for a reminder. */
const REMIND_LOOK_MS = 5 * MINUTE
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
  const { store, queue, world, config } = deps
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
      const wanted = page.filter((event) => event.type === 'goal.reported' || PROGRESS_EVENTS.has(event.type))
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
            await orLog(event.goalId, () => tellAsk(tx, event.data.number))
          }
        }
        for (const goalId of goals) await orLog(goalId, () => tellProgress(tx, goalId))
        for (const { type, goalId } of wanted) {
          if (type === 'goal.reported' && goalId) await orLog(goalId, () => tellReport(tx, goalId))
        }
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

  /** Chats in which an ask belongs: those of everybody who may answer it. */
  async function chatsFor(db: Db, ask: Ask, goal: Goal): Promise<ChatRow[]> {
    const chats = new Map<string, ChatRow>()
    for (const person of await listPeople(db)) {
      if (whyNotAnswer(person, ask, goal) !== undefined) continue
      for (const chat of await directChats(db, person.id)) chats.set(chat.id, chat)
    }
    // The group in which the goal was given, where its giver may answer.
    const given = chatOfGoal(goal)
    const giver = ownerOfGoal(goal)
    const person = giver ? await findPerson(db, { id: giver }) : undefined
    if (given && person && whyNotAnswer(person, ask, goal) === undefined && !chats.has(given)) {
      chats.set(given, await getChat(db, given))
    }
    return [...chats.values()].filter((chat) => deps.channel(chat.channel) !== undefined)
  }

  async function tellAsk(tx: Tx, number: number): Promise<void> {
    const ask = await findAsk(tx, { number })
    if (!ask) return
    const goal = await getGoal(tx, ask.goalId)
    const now = world.clock.now()
    if (ask.state === 'open') {
      for (const chat of await chatsFor(tx, ask, goal)) await tellOpenAsk(tx, now, ask, goal, chat, unasked(now))
      return
    }
    for (const told of await findOuts(tx, `ask:${ask.id}:%`)) {
      await putOut(tx, now, { ...told, text: settledText(ask, goal.number), buttons: [], notBefore: 0 })
      await queue.send(tx, DELIVER, told.chatId)
    }
  }

  async function tellOpenAsk(
    tx: Tx,
    now: number,
    ask: Ask,
    goal: Goal,
    chat: ChatRow,
    notBefore: number,
  ): Promise<void> {
    const able = deps.channel(chat.channel)?.capabilities ?? { buttons: false, reactions: false }
    await addOut(tx, now, {
      key: `ask:${ask.id}:${chat.id}`,
      chatId: chat.id,
      text: askText(ask, goal.number, able),
      buttons: able.buttons ? askButtons(ask) : [],
      notBefore,
    })
    await queue.send(tx, DELIVER, chat.id)
  }

  async function tellProgress(tx: Tx, goalId: GoalId): Promise<void> {
    const goal = await getGoal(tx, goalId)
    const chatId = chatOfGoal(goal)
    if (chatId === null) return
    const chat = await getChat(tx, chatId)
    const now = world.clock.now()
    const text = progressText(await view(tx, now, goal))
    const key = `goal:${goal.id}:${chat.id}`
    const isKnown = (await findOuts(tx, key)).length > 0
    // Where messages cannot be edited, progress would be a flood: what matters is asked or reported.
    if (isKnown && deps.channel(chat.channel)?.capabilities.edits === false) return
    const isEnded = goal.endedAt !== null
    const notBefore = isKnown && !isEnded ? unasked(now) + PROGRESS_MS : unasked(now)
    await putOut(tx, now, { key, chatId: chat.id, text, notBefore })
    await queue.send(tx, DELIVER, chat.id, notBefore > now ? { delayMs: notBefore - now } : {})
  }

  async function tellReport(tx: Tx, goalId: GoalId): Promise<void> {
    const goal = await getGoal(tx, goalId)
    const now = world.clock.now()
    for (const chat of await chatsOfGoal(tx, goal)) {
      const file = goal.reportFile && { name: `goal-${goal.number}.md`, mime: 'text/markdown', path: goal.reportFile }
      const limits = deps.channel(chat.channel)?.limits ?? SMALL_LIMITS
      await say(tx, now, chat, limits, {
        key: `report:${goal.id}:${chat.id}`,
        text: reportText(await view(tx, now, goal)),
        ...(file ? { file } : {}),
        notBefore: unasked(now),
      })
      await queue.send(tx, DELIVER, chat.id)
    }
  }

  /** Where the goal came from; of goals that came from elsewhere, the owners'. */
  async function chatsOfGoal(db: Db, goal: Goal): Promise<ChatRow[]> {
    const given = chatOfGoal(goal)
    if (given) return [await getChat(db, given)]
    const owners = await listPeople(db, { role: 'owner' })
    const chats = (await Promise.all(owners.map((owner) => directChats(db, owner.id)))).flat()
    return chats.filter((chat) => deps.channel(chat.channel) !== undefined)
  }

  function unasked(now: number): number {
    return quietUntil(config.quietHours, now, deps.timezone)
  }

  /** Asks that nobody answered: said again, and after a time set aside. */
  async function remind(): Promise<void> {
    const now = world.clock.now()
    for (const ask of await listAsks(store.db, { state: 'open' })) {
      const told = await findOuts(store.db, `ask:${ask.id}:%`)
      if (told.length === 0) continue
      if (config.expireDays !== null && now - ask.createdAt > config.expireDays * DAY) await expire(ask)
      else if (config.remindHours !== null) await remindOf(ask, told, config.remindHours * HOUR, now)
    }
  }

  async function remindOf(
    ask: Ask,
    told: Awaited<ReturnType<typeof findOuts>>,
    everyMs: number,
    now: number,
  ): Promise<void> {
    const times = Math.min(config.remindMax, Math.floor((now - ask.createdAt) / everyMs))
    if (times < 1) return
    await store.transaction(async (tx) => {
      const fresh = await findAsk(tx, { id: ask.id })
      if (fresh?.state !== 'open') return
      for (const { chatId, messageId } of told) {
        await addOut(tx, now, {
          key: `remind:${ask.id}:${chatId}:${times}`,
          chatId,
          text: `Still waiting for you: ? ${ask.number} ${ask.question}`,
          replyTo: messageId,
          notBefore: unasked(now),
        })
        await queue.send(tx, DELIVER, chatId)
      }
    })
  }

  /** The ask stays in the inbox; its goal is set aside, so that nothing waits and nothing is decided for anybody. */
  async function expire(ask: Ask): Promise<void> {
    const goal = await getGoal(store.db, ask.goalId)
    if (goal.state === 'open') await deps.pause(String(goal.number), 'no answer')
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const text = `**? ${ask.number}** · goal #${goal.number}\n${ask.question}\n\n_No answer for ${config.expireDays} days: the goal is paused. Answer with \`!answer ${ask.number} …\`, then /resume ${goal.number}._`
      for (const told of await findOuts(tx, `ask:${ask.id}:%`)) {
        await putOut(tx, now, { ...told, text, buttons: [], notBefore: unasked(now) })
        await queue.send(tx, DELIVER, told.chatId)
      }
    })
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
      // Without channels nothing was said before, and what is open is told to whoever is there now.
      if (kept === undefined) await store.transaction((tx) => writeCursor(tx, cursor))
      watch = store.onCommit(lookSoon)
      await look()
      await remind().catch((error) => log.error({ err: error }, 'nobody could be reminded'))
      remindLater()
    },
    async isTold(event) {
      if (!isOn) return false
      while (cursor < event.id && isOn) await look()
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

async function directChats(db: Db, personId: PersonId): Promise<ChatRow[]> {
  const rows = await db
    .selectFrom('chat')
    .selectAll()
    .where('personId', '=', personId)
    .where('kind', '=', 'direct')
    .execute()
  return rows as ChatRow[]
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
