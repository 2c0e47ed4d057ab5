/**
 * The conversation at this machine: `claw chat`, and the page. Whoever holds the daemon's token is here.
 *
 * What comes in is given to `put` by the routes; what goes out needs no carrying, since its readers read the outbox
 * itself. Sending is therefore no more than saying yes.
 */
import { randomUUID } from 'node:crypto'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { Channel, InboundEvent, InboundFile, Receive } from './channel.ts'

export const TERMINAL = 'terminal'
export const TERMINAL_CHAT = { id: 'local', kind: 'direct' } as const
export const TERMINAL_SENDER = { id: 'local', name: 'owner', isVerified: true } as const

export interface TerminalChannel extends Channel {
  /** Keeps a message; when it returns it is on the disk. The same id twice is one message. */
  put(message: {
    id: string | null
    text: string
    files: { name: string; mime: string; data: Uint8Array }[]
  }): Promise<{ eventId: string }>
  /** A button of a message of ours. */
  press(messageId: string, data: string): Promise<void>
}

export function createTerminalChannel(deps: {
  world: World
  /** Keeps a file until it was taken. */
  keepFile(file: { name: string; data: Uint8Array }): Promise<string>
  readFile(ref: string): Promise<Uint8Array | undefined>
}): TerminalChannel {
  const { world } = deps
  let receive: Receive | undefined

  const base = (eventId: string) => ({ eventId, chat: TERMINAL_CHAT, sender: TERMINAL_SENDER, at: world.clock.now() })
  async function take(event: InboundEvent): Promise<void> {
    if (!receive) throw new Fault('channel_unavailable', 'the conversation is not open yet')
    await receive([event])
  }

  return {
    name: TERMINAL,
    kind: TERMINAL,
    capabilities: {
      buttons: true,
      reactions: false,
      edits: true,
      typing: false,
      files: true,
      idempotent: true,
      markdown: false,
    },
    limits: {
      textMax: 100_000,
      buttonDataMax: 200,
      buttonsMax: 50,
      fileMaxBytes: 100_000_000,
      attachAbove: 200_000,
      perChatMs: 0,
      overallMs: 0,
    },
    async check() {
      return { account: 'this machine', words: ['claw chat'] }
    },
    async start(take) {
      receive = take
    },
    async send(_chat, { key }) {
      return { messageId: key.split('@')[0]! }
    },
    async edit() {},
    async download(file, bytesMax) {
      const data = await deps.readFile(file.ref)
      if (!data) throw new Fault('channel_refused', `${file.name} is no longer there`)
      if (data.byteLength > bytesMax) throw new Fault('channel_refused', `${file.name} is too large`)
      return data
    },
    async put({ id, text, files }) {
      const eventId = id ?? randomUUID()
      const kept: InboundFile[] = []
      for (const { name, mime, data } of files) {
        kept.push({ ref: await deps.keepFile({ name, data }), name, mime, bytes: data.byteLength, kind: 'file' })
      }
      await take({
        ...base(eventId),
        type: 'message',
        messageId: eventId,
        text,
        files: kept,
        isForUs: true,
        replyTo: null,
        forwardedFrom: null,
      })
      return { eventId }
    },
    press: (messageId, data) => take({ ...base(randomUUID()), type: 'press', messageId, data }),
    async [Symbol.asyncDispose]() {
      receive = undefined
    },
  }
}
