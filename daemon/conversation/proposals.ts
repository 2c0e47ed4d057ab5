/**
 * What a brain wants to do after it has read words of others. Nothing of it happens before a person who may do it
 * says yes, by a button of their own or by `/do 7`; then it is done by plain code, with that person's rights.
 */
import { HOUR } from '../../core/clock.ts'
import { isFault } from '../../core/fault.ts'
import type { Person } from '../../core/person.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { Channel } from '../channels/channel.ts'
import { DELIVER } from '../channels/deliver.ts'
import { type ChatRow, findOuts, type NewOut, putOut } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { callTool, toolsFor } from './chat-tools.ts'

/** Older ones are about a moment that has passed. */
const GOOD_FOR_MS = 24 * HOUR

export function createProposals({ store, queue, world }: { store: Store; queue: Queue; world: World }) {
  const find = (number: number) =>
    store.db.selectFrom('proposal').selectAll().where('number', '=', number).executeTakeFirst()

  async function close(number: number, state: 'done' | 'refused' | 'expired', words: string): Promise<boolean> {
    return store.transaction(async (tx) => {
      const now = world.clock.now()
      const { numUpdatedRows } = await tx
        .updateTable('proposal')
        .set({ state, settledAt: now })
        .where('number', '=', number)
        .where('state', '=', 'open')
        .executeTakeFirst()
      if (numUpdatedRows === 0n) return false
      for (const told of await findOuts(tx, `proposal:${number}`)) {
        await putOut(tx, now, { ...told, text: `${told.text.split('\n')[0]}\n${words}`, buttons: [], notBefore: 0 })
        await queue.send(tx, DELIVER, told.chatId)
      }
      return true
    })
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

    /** Answers what to say. The row is closed first: a kill in between does nothing twice. */
    async settle(
      chat: ChatRow,
      number: number,
      isYes: boolean,
      context: OwnerContext,
      { person, by }: { person: Person; by: string },
      signal: AbortSignal,
    ): Promise<string> {
      const proposal = await find(number)
      if (!proposal || proposal.chatId !== chat.id) return `There is no confirmation ${number} in this chat.`
      if (proposal.state !== 'open') return `Confirmation ${number} is ${proposal.state} already.`
      if (proposal.personId !== person.id && person.role !== 'owner')
        return `Confirmation ${number} is not yours to give.`
      if (!isYes) {
        await close(number, 'refused', `– not done (${by})`)
        return `Not done.`
      }
      if (world.clock.now() - proposal.createdAt > GOOD_FOR_MS) {
        await close(number, 'expired', '– too old')
        return `Confirmation ${number} is too old: say again what you want.`
      }
      const tool = toolsFor(person.role, context.memory !== undefined).find(({ name }) => name === proposal.tool)
      if (!tool) return `A ${person.role} may not do this.`
      if (!(await close(number, 'done', `✔ confirmed (${by})`))) return `Confirmation ${number} was answered already.`
      try {
        const { text, isError } = await callTool(tool, JSON.parse(proposal.input), context, {
          signal,
          clock: world.clock,
          by,
        })
        await store.transaction((tx) =>
          addEvent(tx, world.clock.now(), {
            type: 'chat.acted',
            data: {
              by,
              role: person.role,
              action: proposal.tool,
              words: `${proposal.words}${isError ? ', refused' : ''}`.slice(0, 500),
            },
          }),
        )
        return text
      } catch (error) {
        if (isFault(error)) return error.message
        throw error
      }
    },
  }
}
