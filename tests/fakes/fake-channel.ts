import { Fault } from '../../core/fault.ts'
import type {
  Button,
  Capabilities,
  Channel,
  Chat,
  InboundEvent,
  InboundFile,
  Limits,
  Outgoing,
  Receive,
} from '../../daemon/channels/channel.ts'

/** The other side of a fake channel: what was said there, until it is acknowledged. Survives the channels on it. */
export interface FakeServer {
  /** Puts an event into the line, and wakes who listens. */
  put(event: InboundEvent): void
  /** An id for the next event or message, unique on this server. */
  newId(): string
  readonly messages: FakeMessage[]
  /** Every call that changed something there, oldest first. */
  readonly calls: { at: number; do: 'send' | 'edit' | 'react'; chatId: string; text: string }[]
  limitOnce(retryAfterMs: number): void
  setAway(isAway: boolean): void
  /** Keeps a file and answers what it is called by. */
  keepFile(file: { name: string; mime: string; data: Uint8Array }, kind?: InboundFile['kind']): InboundFile
  remove(messageId: string): void
  open(options?: FakeOptions): Channel
}

export interface FakeOptions {
  name?: string
  capabilities?: Partial<Capabilities>
  limits?: Partial<Limits>
  isKeyWrong?: boolean
}

export interface FakeMessage {
  messageId: string
  chatId: string
  text: string
  buttons: Button[]
  file: { name: string; mime: string; data: Uint8Array } | undefined
  edits: number
}

const ALL: Capabilities = {
  buttons: true,
  reactions: true,
  edits: true,
  typing: true,
  files: true,
  idempotent: false,
  markdown: false,
}
const LIMITS: Limits = {
  textMax: 4000,
  buttonDataMax: 64,
  buttonsMax: 20,
  fileMaxBytes: 1_000_000,
  attachAbove: 12_000,
  perChatMs: 0,
  overallMs: 0,
}

/** A channel without a network. Passes tests/channels/channel-contract.ts. */
export function createFakeServer({ now = () => 0 }: { now?: () => number } = {}): FakeServer {
  const queue: InboundEvent[] = []
  const messages: FakeMessage[] = []
  const files = new Map<string, Uint8Array>()
  const calls: FakeServer['calls'] = []
  const byKey = new Map<string, string>()
  const listeners: (() => void)[] = []
  let limitedFor: number | undefined
  let isAway = false
  let ids = 0

  const newId = () => String(++ids)
  const wake = () => {
    for (const listener of listeners.splice(0)) listener()
  }

  function refuseWhere(): void {
    if (isAway) throw new Fault('channel_unavailable', 'the other side is away')
    if (limitedFor === undefined) return
    const retryAt = now() + limitedFor
    limitedFor = undefined
    throw new Fault('channel_limited', 'slowly', { details: { retryAt } })
  }

  function open({ name = 'fake', capabilities, limits, isKeyWrong = false }: FakeOptions = {}): Channel {
    const able = { ...ALL, ...capabilities }
    const closing = new AbortController()
    let loop: Promise<void> = Promise.resolve()

    async function poll(receive: Receive): Promise<void> {
      while (!closing.signal.aborted) {
        if (queue.length === 0 || isAway) {
          await new Promise<void>((resolve) => {
            listeners.push(resolve)
            closing.signal.addEventListener('abort', () => resolve(), { once: true })
          })
          continue
        }
        const batch = queue.slice(0, 100)
        const isTaken = await receive(batch).then(
          () => true,
          () => false,
        )
        if (isTaken) queue.splice(0, batch.length)
        else await new Promise((resolve) => setImmediate(resolve))
      }
    }

    const of = (chat: Chat, messageId: string) =>
      messages.find((message) => message.chatId === chat.id && message.messageId === messageId)

    return {
      name,
      kind: 'fake',
      capabilities: able,
      limits: { ...LIMITS, ...limits },
      async check() {
        if (isKeyWrong) throw new Fault('channel_refused', 'the key is wrong')
        return { account: '@claw', words: [] }
      },
      async start(receive) {
        loop = poll(receive)
      },
      async send(chat, message: Outgoing) {
        refuseWhere()
        if (message.text.length > { ...LIMITS, ...limits }.textMax) throw new Fault('channel_refused', 'too long')
        const before = able.idempotent ? byKey.get(message.key) : undefined
        if (before !== undefined) return { messageId: before }
        const messageId = newId()
        byKey.set(message.key, messageId)
        calls.push({ at: now(), do: 'send', chatId: chat.id, text: message.text })
        messages.push({
          messageId,
          chatId: chat.id,
          text: message.text,
          buttons: (message.buttons ?? []).flat(),
          file: message.file,
          edits: 0,
        })
        return { messageId }
      },
      async edit(chat, messageId, message) {
        refuseWhere()
        const found = of(chat, messageId)
        if (!found) throw new Fault('channel_refused', 'the message is gone', { details: { gone: true } })
        calls.push({ at: now(), do: 'edit', chatId: chat.id, text: message.text })
        found.text = message.text
        found.buttons = (message.buttons ?? []).flat()
        found.edits++
      },
      async react(chat, messageId, emoji) {
        calls.push({ at: now(), do: 'react', chatId: chat.id, text: `${messageId} ${emoji}` })
      },
      async typing() {},
      async pressed() {},
      async download(file, bytesMax) {
        const data = files.get(file.ref)
        if (!data) throw new Fault('channel_refused', 'there is no such file')
        if (data.byteLength > bytesMax) throw new Fault('channel_refused', `${file.name} is too large`)
        return data
      },
      async [Symbol.asyncDispose]() {
        closing.abort()
        wake()
        await loop
      },
    }
  }

  return {
    put(event) {
      queue.push(event)
      wake()
    },
    newId,
    messages,
    calls,
    limitOnce(retryAfterMs) {
      limitedFor = retryAfterMs
    },
    setAway(value) {
      isAway = value
      wake()
    },
    keepFile({ name, mime, data }, kind = 'file') {
      const ref = newId()
      files.set(ref, data)
      return { ref, name, mime, bytes: data.byteLength, kind }
    },
    remove(messageId) {
      const at = messages.findIndex((message) => message.messageId === messageId)
      if (at >= 0) messages.splice(at, 1)
    },
    open,
  }
}
