/**
 * Who is told what, where: an ask to everybody who may answer it, progress where the goal was given, a report there
 * or to the owners. What is told of one thing in one chat is one message, changed as the thing changes.
 */
import type { Ask } from '../../core/ask.ts'
import { SECOND } from '../../core/clock.ts'
import type { Goal, GoalId } from '../../core/goal.ts'
import type { PersonId } from '../../core/person.ts'
import type { World } from '../../core/world.ts'
import type { Channel } from '../channels/channel.ts'
import { DELIVER } from '../channels/deliver.ts'
import { SMALL_LIMITS, say } from '../channels/say.ts'
import { view } from '../goals/show-goal.ts'
import { chatOfGoal, ownerOfGoal, whyNotAnswer } from '../people/rights.ts'
import { addOut, type ChatRow, dropUnsent, findOuts, getChat, putOut } from '../store/chat-rows.ts'
import { findPerson, listPeople } from '../store/person-rows.ts'
import type { Queue } from '../store/queue.ts'
import { findAsk, getGoal, listAsks } from '../store/rows.ts'
import type { Db, Tx } from '../store/tables.ts'
import { askButtons, askText, settledText } from './ask-message.ts'
import { progressText, reportText } from './goal-message.ts'

export interface TellDeps {
  queue: Queue
  world: World
  channel(name: string): Channel | undefined
  /** Whether a channel is set up, open or not. */
  isKnown(name: string): boolean
  /** The moment from which on something may be said unasked. */
  unasked(now: number): number
}

/** Progress waits so long for more of it. */
const PROGRESS_MS = 2 * SECOND
const NOTHING = { buttons: false, reactions: false }

export function createTell({ queue, world, channel, isKnown, unasked }: TellDeps) {
  /**
   * Chats in which an ask belongs: those of everybody who may answer it. A channel that is away is told when it is
   * back, and knows then what it can show.
   */
  async function chatsFor(db: Db, ask: Ask, goal: Goal): Promise<ChatRow[]> {
    const chats = new Map<string, ChatRow>()
    for (const person of await listPeople(db)) {
      if (whyNotAnswer(person, ask, goal) !== undefined) continue
      for (const chat of await directChats(db, person.id)) chats.set(chat.id, chat)
    }
    // The group in which the goal was given, where its giver may answer.
    const given = await givenIn(db, goal)
    const giver = ownerOfGoal(goal)
    const person = giver ? await findPerson(db, { id: giver }) : undefined
    if (given && person && whyNotAnswer(person, ask, goal) === undefined) chats.set(given.id, given)
    return [...chats.values()].filter((chat) => channel(chat.channel) !== undefined)
  }

  async function open(tx: Tx, now: number, ask: Ask, goal: Goal, chat: ChatRow): Promise<void> {
    const able = channel(chat.channel)?.capabilities ?? NOTHING
    await addOut(tx, now, {
      key: `ask:${ask.id}:${chat.id}`,
      chatId: chat.id,
      text: askText(ask, goal.number, able),
      buttons: able.buttons ? askButtons(ask) : [],
      notBefore: unasked(now),
    })
    await queue.send(tx, DELIVER, chat.id)
  }

  async function ask(tx: Tx, number: number): Promise<void> {
    const ask = await findAsk(tx, { number })
    if (!ask) return
    const goal = await getGoal(tx, ask.goalId)
    const now = world.clock.now()
    if (ask.state === 'open') {
      for (const chat of await chatsFor(tx, ask, goal)) await open(tx, now, ask, goal, chat)
      return
    }
    // Nobody is told in the morning what was asked in the night and needs no answer any more.
    await dropUnsent(tx, `ask:${ask.id}:%`, 'settled before it was said')
    await dropUnsent(tx, `remind:${ask.id}:%`, 'settled before it was said')
    for (const told of await findOuts(tx, `ask:${ask.id}:%`)) {
      if (told.state === 'dropped') continue
      await putOut(tx, now, { ...told, text: settledText(ask, goal.number), buttons: [], notBefore: 0 })
      await queue.send(tx, DELIVER, told.chatId)
    }
  }

  /** The chat in which a goal was given; nobody is told in the chat of somebody who was removed. */
  async function givenIn(db: Db, goal: Goal): Promise<ChatRow | undefined> {
    const given = chatOfGoal(goal)
    const chat = given === null ? undefined : await getChat(db, given)
    return chat?.kind === 'direct' && chat.personId === null ? undefined : chat
  }

  /** Where the goal came from; of goals that came from elsewhere, the owners'. */
  async function chatsOfGoal(db: Db, goal: Goal): Promise<ChatRow[]> {
    const given = await givenIn(db, goal)
    if (given) return [given]
    const owners = await listPeople(db, { role: 'owner' })
    const chats = (await Promise.all(owners.map((owner) => directChats(db, owner.id)))).flat()
    // A report waits for a channel that is away.
    return chats.filter((chat) => isKnown(chat.channel))
  }

  return {
    ask,

    /** Asks that were open before somebody came who may answer them. */
    async openAsks(tx: Tx): Promise<void> {
      for (const { number } of await listAsks(tx, { state: 'open' })) await ask(tx, number)
    },

    async progress(tx: Tx, goalId: GoalId): Promise<void> {
      const goal = await getGoal(tx, goalId)
      const chat = await givenIn(tx, goal)
      if (!chat) return
      const now = world.clock.now()
      const text = progressText(await view(tx, now, goal))
      const key = `goal:${goal.id}:${chat.id}`
      const isKnown = (await findOuts(tx, key)).length > 0
      // Where messages cannot be edited, progress would be a flood: what matters is asked or reported.
      if (isKnown && channel(chat.channel)?.capabilities.edits === false) return
      const isEnded = goal.endedAt !== null
      const notBefore = isKnown && !isEnded ? unasked(now) + PROGRESS_MS : unasked(now)
      await putOut(tx, now, { key, chatId: chat.id, text, notBefore })
      await queue.send(tx, DELIVER, chat.id, notBefore > now ? { delayMs: notBefore - now } : {})
    },

    async report(tx: Tx, goalId: GoalId): Promise<void> {
      const goal = await getGoal(tx, goalId)
      const now = world.clock.now()
      for (const chat of await chatsOfGoal(tx, goal)) {
        const file = goal.reportFile && { name: `goal-${goal.number}.md`, mime: 'text/markdown', path: goal.reportFile }
        const limits = channel(chat.channel)?.limits ?? SMALL_LIMITS
        await say(tx, now, chat, limits, {
          key: `report:${goal.id}:${chat.id}`,
          text: reportText(await view(tx, now, goal)),
          ...(file ? { file } : {}),
          notBefore: unasked(now),
        })
        await queue.send(tx, DELIVER, chat.id)
      }
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
