/**
 * What a brain wants to do after it has read words of others. Nothing of it happens before a person who may do it
 * says yes, by a button of their own or by `/do 7`; then it is done by plain code, with that person's rights.
 */
import { HOUR } from '../../core/clock.ts'
import type { PersonId } from '../../core/person.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { Channel } from '../channels/channel.ts'
import { DELIVER } from '../channels/deliver.ts'
import { type ChatRow, findOuts, type NewOut, putOut } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Row } from '../store/tables.ts'
import type { Who } from './answer.ts'
import type { Attachments } from './attachments.ts'
import { callTool, toolsFor } from './chat-tools.ts'
import type { Speaker } from './context-for.ts'

type State = 'open' | 'doing' | 'done' | 'refused' | 'expired'

/** Of these a second call finds the first by its key, or by its words. */
const ONCE_BY_KEY = ['add_goal', 'steer_goal', 'add_schedule']
/** Older ones are about a moment that has passed. */
const GOOD_FOR_MS = 24 * HOUR

export interface ProposalsDeps {
  store: Store
  queue: Queue
  world: World
  contextFor(speaker: Speaker): OwnerContext
  attachments: Pick<Attachments, 'waiting'>
}

export type Proposals = ReturnType<typeof createProposals>

export function createProposals({ store, queue, world, contextFor, attachments }: ProposalsDeps) {
  const find = (number: number) =>
    store.db.selectFrom('proposal').selectAll().where('number', '=', number).executeTakeFirst()

  /** Moves it on and, with words, changes its message. False: somebody else was first. */
  async function move(number: number, from: State, to: State, words?: string): Promise<boolean> {
    return store.transaction(async (tx) => {
      const now = world.clock.now()
      const { numUpdatedRows } = await tx
        .updateTable('proposal')
        .set({ state: to, settledAt: to === 'doing' ? null : now })
        .where('number', '=', number)
        .where('state', '=', from)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) return false
      for (const told of words === undefined ? [] : await findOuts(tx, `proposal:${number}`)) {
        await putOut(tx, now, { ...told, text: `${told.text.split('\n')[0]}\n${words}`, buttons: [], notBefore: 0 })
        await queue.send(tx, DELIVER, told.chatId)
      }
      return true
    })
  }

  async function carryOut(
    chat: ChatRow,
    proposal: Row<'proposal'>,
    { person, by }: Who,
    signal: AbortSignal,
  ): Promise<string> {
    const { number, createdAt } = proposal
    const giver = { id: proposal.personId as PersonId }
    const context = contextFor({
      person,
      by,
      chatId: chat.id,
      onceKey: `proposal:${number}`,
      since: createdAt,
      onForeign() {},
      files: await attachments.waiting(chat, giver),
    })
    const tool = toolsFor(person.role, context.memory !== undefined).find(({ name }) => name === proposal.tool)
    if (!tool) return `A ${person.role} may not do this.`
    const wasStopped = proposal.state === 'doing'
    if (wasStopped && !tool.idempotent && !ONCE_BY_KEY.includes(tool.name)) {
      await move(number, 'doing', 'done', `✔ confirmed (${by})`)
      return `Claw was stopped while it did this: look whether it took effect (${proposal.words}).`
    }
    if (!wasStopped && !(await move(number, 'open', 'doing'))) return `Confirmation ${number} was answered already.`
    const { text, isError } = await callTool(tool, JSON.parse(proposal.input), context, {
      signal,
      clock: world.clock,
      by,
    })
    await move(number, 'doing', 'done', `${isError ? '✘ refused' : '✔ confirmed'} (${by})`)
    const words = `${proposal.words}${isError ? ', refused' : ''}`.slice(0, 500)
    await store.transaction((tx) =>
      addEvent(tx, world.clock.now(), {
        type: 'chat.acted',
        data: { by, role: person.role, action: proposal.tool, words },
      }),
    )
    return text
  }

  return {
    async messageOf(number: number, { capabilities }: Channel): Promise<Omit<NewOut, 'chatId' | 'key'>> {
      const proposal = await find(number)
      const text = `**Confirm ${number}**: ${proposal?.words ?? ''}`
      const ways = capabilities.buttons ? '' : `\n\`/do ${number}\` does it, \`/drop ${number}\` does not.`
      const buttons = [
        [
          { label: 'Do it', data: `p:${number}:y` },
          { label: 'No', data: `p:${number}:n` },
        ],
      ]
      return { text: `${text}${ways}`, buttons }
    },

    /** Answers what to say. After a kill in the middle it is done again only where that does nothing twice. */
    async settle(chat: ChatRow, number: number, isYes: boolean, who: Who, signal: AbortSignal): Promise<string> {
      const proposal = await find(number)
      if (!proposal || proposal.chatId !== chat.id) return `There is no confirmation ${number} in this chat.`
      if (proposal.personId !== who.person.id && who.person.role !== 'owner')
        return `Confirmation ${number} is not yours to give.`
      if (proposal.state === 'doing') return carryOut(chat, proposal, who, signal)
      if (proposal.state !== 'open') return `Confirmation ${number} is ${proposal.state} already.`
      if (!isYes) {
        await move(number, 'open', 'refused', `– not done (${who.by})`)
        return 'Not done.'
      }
      if (world.clock.now() - proposal.createdAt > GOOD_FOR_MS) {
        await move(number, 'open', 'expired', '– too old')
        return `Confirmation ${number} is too old: say again what you want.`
      }
      return carryOut(chat, proposal, who, signal)
    },
  }
}
