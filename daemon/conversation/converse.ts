/**
 * A brain answers a message, with tools, in a bounded number of steps.
 *
 * Every call is written down before it is made and again with what came of it, so that a message that is taken up
 * again after a kill goes on where it was: what is known to have happened is not done twice, and of what nobody
 * knows the brain is told. As soon as words of somebody with fewer rights are in the prompt, a call that changes
 * something becomes a proposal: it waits for a person's own yes.
 */
import { z } from 'zod'
import type { Person } from '../../core/person.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { Brain } from '../brain/brain.ts'
import { fill } from '../prompts/template.ts'
import { addTurn, type ChatRow, listTurns, type Turn, updateTurn } from '../store/chat-rows.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Attachment } from './attachments.ts'
import { type ChatTool, callTool, describeTools, toolsFor, wordsOfCall } from './chat-tools.ts'
import type { Speaker } from './context-for.ts'
import { conversePrompt, type Made, type Spoken } from './prompt.ts'
import type { createSummaries } from './summarize.ts'

export interface ConverseDeps {
  store: Store
  world: World
  brain: Brain
  contextFor(speaker: Speaker): OwnerContext
  template: string
  /** What of the chat goes to the brain as a summary. */
  earlier: ReturnType<typeof createSummaries>
  stepsMax: number
  /** Turns that go to the brain word for word. */
  turnsMax: number
}

export interface Message {
  chat: ChatRow
  /** The oldest event that is answered. */
  eventId: number
  person: Person
  by: string
  spoken: Spoken[]
  since: number
  /** Files that a goal of this message takes along. */
  files: readonly Attachment[]
}

export interface Reply {
  text: string
  isTainted: boolean
  /** Numbers of what waits for a yes. */
  proposals: number[]
}

const Step = z.object({
  say: z.string().max(50_000),
  calls: z.array(z.object({ tool: z.string(), input: z.string().describe('The input as a JSON object.') })).max(8),
})

const CALLS_AT_ONCE = 8

interface CallData {
  tool: string
  input: unknown
  state: 'calling' | 'done'
  result: string
  isForeign: boolean
  proposal: number | null
}

export function createConverse(deps: ConverseDeps) {
  const { store, world, brain, stepsMax } = deps

  return async function converse(
    message: Message,
    signal: AbortSignal,
    onPartial?: (text: string) => void,
  ): Promise<Reply> {
    const { chat, person, by } = message
    let sawForeign = false
    const speaker: Speaker = {
      person,
      chatId: chat.id,
      by,
      onceKey: `chat:${message.eventId}`,
      files: message.files,
      since: message.since,
      onForeign: () => {
        sawForeign = true
      },
    }
    const context = deps.contextFor(speaker)
    const tools = toolsFor(person.role, context.memory !== undefined)
    const system = fill('converse', deps.template, { tools: describeTools(tools), calls: String(CALLS_AT_ONCE) })
    const earlier = await deps.earlier(chat, person.role, signal)
    const { before, own } = await turnsOf(chat, earlier.to, message.eventId)
    const calls = own.filter((turn) => turn.kind === 'call')
    const made: Made[] = []
    for (const turn of calls) made.push(await takeUp(turn))
    const proposals = calls.flatMap((turn) => (turn.data as CallData).proposal ?? [])

    for (let step = 0; ; step++) {
      const isLast = step >= stepsMax - 1
      const { text: prompt, isTainted } = conversePrompt({
        now: world.clock.now(),
        channel: chat.channel,
        isGroup: chat.kind === 'group',
        earlier,
        turns: before,
        spoken: message.spoken,
        made,
        isLast,
      })
      const { value } = await brain.ask(
        {
          purpose: 'converse',
          system,
          prompt,
          schema: Step,
          onPartial: onPartial && ((partial) => onPartial(sayOf(partial))),
        },
        signal,
      )
      if (value.calls.length === 0 || isLast) {
        const text = value.say.trim() || (isLast ? 'I took too many steps and stopped there.' : 'Done.')
        return { text, isTainted, proposals }
      }
      for (const call of value.calls) {
        sawForeign = false
        const done = await makeCall(
          message,
          tools,
          context,
          call,
          isTainted || made.some((one) => one.isForeign),
          signal,
          () => sawForeign,
        )
        made.push(done.made)
        if (done.proposal !== null) proposals.push(done.proposal)
      }
    }
  }

  async function makeCall(
    message: Message,
    tools: readonly ChatTool[],
    context: OwnerContext,
    call: { tool: string; input: string },
    isTainted: boolean,
    signal: AbortSignal,
    sawForeign: () => boolean,
  ): Promise<{ made: Made; proposal: number | null }> {
    const { chat, person, by, eventId } = message
    const input = parse(call.input)
    const tool = tools.find(({ name }) => name === call.tool)
    const made = (result: string, isForeign = false): Made => ({
      tool: call.tool.slice(0, 60),
      input,
      result,
      isForeign,
    })
    if (!tool) {
      await store.transaction((tx) =>
        addEvent(tx, world.clock.now(), {
          type: 'chat.refused',
          data: { by, role: person.role, action: call.tool.slice(0, 60), why: 'there is no such tool for this role' },
        }),
      )
      return { made: made(`There is no tool ${call.tool.slice(0, 60)} for a ${person.role}.`), proposal: null }
    }
    if (input === undefined) return { made: made('The input is no JSON object.'), proposal: null }
    const data: CallData = { tool: tool.name, input, state: 'calling', result: '', isForeign: false, proposal: null }
    const now = world.clock.now()
    const turn = { chatId: chat.id, eventId, at: now, kind: 'call' as const, by, text: tool.name, tainted: isTainted }
    if (!tool.readOnly && isTainted) {
      const words = wordsOfCall(tool, input)
      const proposal = await store.transaction(async (tx) => {
        const { number } = await tx
          .insertInto('proposal')
          .values({
            chatId: chat.id,
            personId: person.id,
            tool: tool.name,
            input: JSON.stringify(input),
            words,
            state: 'open',
            createdAt: now,
            settledAt: null,
          })
          .returning('number')
          .executeTakeFirstOrThrow()
        const result = `Not done yet: words of others are involved, so ${person.name} is asked to confirm it (proposal ${number}). Say so.`
        await addTurn(tx, { ...turn, data: { ...data, state: 'done', result, proposal: number } })
        return { number, result }
      })
      return { made: made(proposal.result), proposal: proposal.number }
    }
    const id = await store.transaction((tx) => addTurn(tx, { ...turn, data }))
    const result = await callTool(tool, input, context, { signal, clock: world.clock, by })
    const isForeign = sawForeign()
    await store.transaction(async (tx) => {
      await updateTurn(tx, id, { text: tool.name, data: { ...data, state: 'done', result: result.text, isForeign } })
      if (!tool.readOnly) {
        const words = `${wordsOfCall(tool, input)}${result.isError ? ', refused' : ''}`.slice(0, 500)
        await addEvent(tx, world.clock.now(), {
          type: 'chat.acted',
          data: { by, role: person.role, action: tool.name, words },
        })
      }
    })
    return { made: made(result.text, isForeign), proposal: null }
  }

  /** A call of before a kill: what came of it, or that nobody knows. */
  async function takeUp(turn: Turn): Promise<Made> {
    const { tool, input, state, result, isForeign } = turn.data as CallData
    const words =
      state === 'done'
        ? result
        : 'Claw was stopped during this call. Look whether it took effect before you call anything again that changes something.'
    return { tool, input, result: words, isForeign }
  }

  async function turnsOf(chat: ChatRow, after: number, eventId: number): Promise<{ before: Turn[]; own: Turn[] }> {
    const turns = await listTurns(store.db, chat.id, { after, limit: deps.turnsMax * 4 })
    return {
      before: turns.filter((turn) => turn.eventId !== eventId).slice(-deps.turnsMax * 2),
      own: turns.filter((turn) => turn.eventId === eventId),
    }
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = text.trim() === '' ? {} : JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function sayOf(partial: unknown): string {
  const say = typeof partial === 'object' && partial !== null ? (partial as { say?: unknown }).say : undefined
  return typeof say === 'string' ? say : ''
}
