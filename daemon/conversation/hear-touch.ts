/**
 * Buttons, reactions, and words in answer to a message of ours: what that message was about is known by its key, so
 * none of them needs a model.
 */
import { isFault } from '../../core/fault.ts'
import type { GoalId } from '../../core/goal.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { Channel, MessageEvent, PressEvent, ReactionEvent } from '../channels/channel.ts'
import { type ChatRow, findOutByMessage } from '../store/chat-rows.ts'
import { findAsk, getGoal } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Acted } from './acted.ts'
import type { Answer, Who } from './answer.ts'
import { readData } from './ask-message.ts'
import type { Proposals } from './proposals.ts'
import { choiceFor, readReaction } from './read-command.ts'

export interface HearTouchDeps {
  store: Store
  acted: Acted
  proposals: Proposals
}

type Meant = { ask: string; choice: string } | { proposal: number; isYes: boolean }

export function createHearTouch({ store, acted, proposals }: HearTouchDeps) {
  async function keyOf(chat: ChatRow, messageId: string): Promise<[kind: string, id: string] | undefined> {
    const out = await findOutByMessage(store.db, chat.id, messageId)
    const [kind, id] = out?.key.split(':') ?? []
    return kind !== undefined && id !== undefined ? [kind, id] : undefined
  }

  async function meaningOf(chat: ChatRow, { messageId, emoji }: ReactionEvent): Promise<Meant | undefined> {
    const key = await keyOf(chat, messageId)
    const reaction = readReaction(emoji)
    if (!reaction || !key) return undefined
    const [kind, id] = key
    if (kind === 'proposal')
      return 'kind' in reaction ? { proposal: Number(id), isYes: reaction.kind === 'yes' } : undefined
    if (kind !== 'ask' && kind !== 'remind') return undefined
    const ask = await findAsk(store.db, { id })
    if (!ask) return undefined
    const choice = 'place' in reaction ? ask.choices[reaction.place - 1]?.id : choiceFor(reaction.kind, ask.choices)
    return choice === undefined ? undefined : { ask: String(ask.number), choice }
  }

  async function touched(
    chat: ChatRow,
    event: PressEvent | ReactionEvent,
    context: OwnerContext,
    who: Who,
    signal: AbortSignal,
  ): Promise<{ text: string; isSaid: boolean } | undefined> {
    const meant = event.type === 'press' ? readData(event.data) : await meaningOf(chat, event)
    if (!meant) return undefined
    if ('proposal' in meant) {
      return { text: await proposals.settle(chat, meant.proposal, meant.isYes, who, signal), isSaid: true }
    }
    await acted.answerAsk(context, meant.ask, { choice: meant.choice }, who)
    return { text: `Answered: ${meant.choice}`, isSaid: false }
  }

  async function answerInWords(
    ask: string,
    text: string,
    context: OwnerContext,
    who: Who,
  ): Promise<Answer | undefined> {
    const found = await findAsk(store.db, { id: ask })
    if (!found) return undefined
    const { choices, freeText, number } = found
    const same = (one: string) => one.toLowerCase() === text.toLowerCase()
    const choice = choices.find(({ id, label }) => same(id) || same(label))
    const kind = /^(yes|no)[.!]?$/i.exec(text)?.[1]?.toLowerCase() as 'yes' | 'no' | undefined
    const chosen = choice?.id ?? (kind && choiceFor(kind, choices))
    if (!chosen && !freeText) return undefined
    await acted.answerAsk(context, String(number), chosen ? { choice: chosen } : { text }, who)
    return { out: [{ text: `Taken: ${chosen ?? oneLine(text).slice(0, 100)}` }], note: 'answer' }
  }

  return {
    async touch(
      chat: ChatRow,
      channel: Channel,
      event: PressEvent | ReactionEvent,
      context: OwnerContext,
      who: Who,
      signal: AbortSignal,
    ): Promise<Answer> {
      const words = await touched(chat, event, context, who, signal).catch((error: unknown) => {
        if (!isFault(error) || error.mayRetry) throw error
        return { text: `${error.message}.`, isSaid: true }
      })
      if (!words) return { out: [], note: 'nothing of ours' }
      if (event.type === 'press') await channel.pressed?.(event, words.text).catch(() => {})
      // The message itself is changed for everybody; only what went wrong needs words of its own.
      return { out: words.isSaid ? [{ text: words.text }] : [], note: event.type }
    },

    /** To an ask words are its answer, to a goal's progress they steer it. Undefined: they are meant for nobody here. */
    async reply(
      chat: ChatRow,
      event: MessageEvent,
      text: string,
      context: OwnerContext,
      who: Who,
    ): Promise<Answer | undefined> {
      if (event.replyTo === null || text === '') return undefined
      const [kind, id] = (await keyOf(chat, event.replyTo)) ?? []
      if (kind === 'ask' || kind === 'remind') return answerInWords(id!, text, context, who)
      if (kind !== 'goal') return undefined
      const goal = await getGoal(store.db, id as GoalId)
      await context.goals.steer(String(goal.number), text, who.by)
      await acted.record(who, 'tell', `#${goal.number}: ${text}`)
      return { out: [{ text: `Passed on to #${goal.number}.` }], note: 'tell' }
    },
  }
}
