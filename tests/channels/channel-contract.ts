/**
 * What every channel must do, whatever stands on the other side. Each adapter's test calls `channelContract` with a
 * stage of its own: the adapter against a fake that behaves like the real server where it hurts, or against the
 * real server.
 */
import { afterEach, describe, expect, test } from 'vitest'
import type { Channel, Chat, InboundEvent, Outgoing } from '../../daemon/channels/channel.ts'

/** The other side, with a hand on it. All times are real; nothing here is timed. */
export interface Stage extends AsyncDisposable {
  /** A new channel on the same account, with the same memory: what a restarted daemon opens. */
  open(): Promise<Channel>
  /** The same, with a key that the other side does not know. */
  openWrong(): Promise<Channel>
  /** A conversation with one person, and one with several where there are any. */
  direct: Chat
  group: Chat | undefined
  /** A person writes. Resolves when the other side has it, whether or not anybody listens. */
  say(said: Said): Promise<void>
  /** Presses a button of a message of ours. Only with `capabilities.buttons`. */
  press?(chat: Chat, messageId: string, data: string): Promise<void>
  /** Reacts to a message of ours. Only with `capabilities.reactions`. */
  react?(chat: Chat, messageId: string, emoji: string): Promise<void>
  /** What people see of ours in a chat, oldest first, as plain text. */
  shown(chat: Chat): Promise<Shown[]>
  /** The next request to send is refused once with "come back in so many milliseconds". Undefined: it has no such thing. */
  limitOnce?(retryAfterMs: number): void
  /** The other side is gone, every connection with it, until the function that comes back is called. */
  cut?(): Promise<() => Promise<void>>
  /** A message of ours is taken away there, so that it can no longer be edited. */
  remove?(chat: Chat, messageId: string): Promise<void>
}

export interface Said {
  chat: Chat
  text: string
  /** Another person than the first. */
  from?: 'ann' | 'ben'
  /** In a group: whether we are mentioned. */
  mention?: boolean
  file?: { name: string; mime: string; data: Uint8Array }
  forwardedFrom?: string
  replyTo?: string
}

export interface Shown {
  messageId: string
  text: string
  buttons: string[]
  file: { name: string; data: Uint8Array } | undefined
}

const NO_TROUBLE = () => {}
const ODD = 'a_b *c* [d](e) <f> & `g` ~h~ !i #j > k | l \\ m {n} (o) 1. p - q + r = s . t'

export function channelContract(name: string, openStage: () => Promise<Stage>) {
  describe(`${name} keeps the contract of a channel`, () => {
    const opened: AsyncDisposable[] = []
    afterEach(async () => {
      for (const thing of opened.splice(0).reverse()) await thing[Symbol.asyncDispose]()
    })

    async function stageOf(): Promise<Stage> {
      const stage = await openStage()
      opened.push(stage)
      return stage
    }

    /** A channel that listens, and what it has heard. */
    async function listen(stage: Stage, take: (events: readonly InboundEvent[]) => Promise<void> = async () => {}) {
      const channel = await stage.open()
      opened.push(channel)
      const heard = createHeard()
      await channel.start(async (events) => {
        await take(events)
        heard.add(events)
      }, NO_TROUBLE)
      return { channel, heard }
    }

    let keys = 0
    const outgoing = (text: string, more: Partial<Outgoing> = {}): Outgoing => ({ text, key: `key-${++keys}`, ...more })

    test('the check names the account, and says in one line when the key is wrong', async () => {
      const stage = await stageOf()
      const channel = await stage.open()
      opened.push(channel)
      const checked = await channel.check(AbortSignal.timeout(30_000))
      expect(checked.account).not.toBe('')
      const wrong = await stage.openWrong()
      opened.push(wrong)
      const refused = wrong.check(AbortSignal.timeout(30_000))
      await expect(refused).rejects.toMatchObject({ code: 'channel_refused' })
      await expect(refused).rejects.toThrow(/^[^\n]+$/)
    })

    test('what a person writes arrives with chat, sender and words', async () => {
      const stage = await stageOf()
      const { heard } = await listen(stage)
      await stage.say({ chat: stage.direct, text: 'Hello, 你好 & <b>' })
      const event = await heard.next((event) => event.type === 'message')
      expect(event).toMatchObject({ chat: stage.direct, text: 'Hello, 你好 & <b>', isForUs: true, forwardedFrom: null })
      expect(event.sender.id).not.toBe('')
      expect(event.eventId).not.toBe('')
    })

    test('two people have different ids, and one keeps theirs', async () => {
      const stage = await stageOf()
      if (!stage.group) return expect(stage.group).toBeUndefined()
      const { heard } = await listen(stage)
      await stage.say({ chat: stage.group, text: 'one', mention: true })
      await stage.say({ chat: stage.group, text: 'two', from: 'ben', mention: true })
      await stage.say({ chat: stage.group, text: 'three', mention: true })
      const senders = (await heard.messages(3)).map((event) => event.sender.id)
      expect(senders[0]).toBe(senders[2])
      expect(senders[0]).not.toBe(senders[1])
    })

    test('nothing is acknowledged before it is on the disk: a daemon that fell gets it again, with the same id', async () => {
      const stage = await stageOf()
      const seen: string[] = []
      const first = await listen(stage, async (events) => {
        seen.push(...events.map((event) => event.eventId))
        throw new Error('the disk is full')
      })
      await stage.say({ chat: stage.direct, text: 'Do not lose me' })
      await until(() => seen.length > 0)
      await first.channel[Symbol.asyncDispose]()
      const { heard } = await listen(stage)
      const [again] = await heard.messages(1)
      expect(again?.text).toBe('Do not lose me')
      expect(again?.eventId).toBe(seen[0])
    })

    test('what was taken does not come to the next daemon as something new', async () => {
      const stage = await stageOf()
      const first = await listen(stage)
      await stage.say({ chat: stage.direct, text: 'one' })
      const [one] = await first.heard.messages(1)
      await first.channel[Symbol.asyncDispose]()
      await stage.say({ chat: stage.direct, text: 'two, while nobody listened' })
      const second = await listen(stage)
      const two = await second.heard.next((event) => event.type === 'message' && event.text.startsWith('two'))
      expect(two.eventId).not.toBe(one?.eventId)
      // Redelivery is allowed, under the same id only.
      const known = new Set([one?.eventId, two.eventId])
      expect(second.heard.all.filter((event) => !known.has(event.eventId))).toEqual([])
    })

    test('what we send is shown, word for word, and comes not back to us', async () => {
      const stage = await stageOf()
      const { channel, heard } = await listen(stage)
      const { messageId } = await channel.send(stage.direct, outgoing(escaped(ODD, channel)))
      const shown = await stage.shown(stage.direct)
      expect(shown.map((message) => message.messageId)).toContain(messageId)
      expect(shown.at(-1)?.text.trim()).toBe(ODD)
      await stage.say({ chat: stage.direct, text: 'and now me' })
      await heard.messages(1)
      expect(heard.all.map((event) => event.type === 'message' && event.text)).toEqual(['and now me'])
    })

    test('a message as long as the limit is taken', async () => {
      const stage = await stageOf()
      const { channel } = await listen(stage)
      const longest = Math.min(channel.limits.textMax, 100_000)
      await channel.send(stage.direct, outgoing('&'.repeat(longest)))
      expect((await stage.shown(stage.direct)).at(-1)?.text.trim()).toHaveLength(longest)
    })

    test('bold, code and fences leave no marks behind where Markdown is shown', async () => {
      const stage = await stageOf()
      const { channel } = await listen(stage)
      if (!channel.capabilities.markdown) return expect(channel.capabilities.markdown).toBe(false)
      await channel.send(stage.direct, outgoing('**bold** and `a < b`\n\n```ts\nconst a = b && c\n```'))
      const text = (await stage.shown(stage.direct)).at(-1)?.text ?? ''
      expect(text).toContain('bold and a < b')
      expect(text).toContain('const a = b && c')
      expect(text).not.toMatch(/\*\*|```/)
    })

    test('an edit replaces the message, the same again is no failure, and a message that is gone says so', async () => {
      const stage = await stageOf()
      const { channel } = await listen(stage)
      if (!channel.capabilities.edits) return expect(channel.capabilities.edits).toBe(false)
      const { messageId } = await channel.send(stage.direct, outgoing('1 of 3'))
      await channel.edit(stage.direct, messageId, outgoing('2 of 3'))
      await channel.edit(stage.direct, messageId, outgoing('2 of 3'))
      const mine = (await stage.shown(stage.direct)).filter((message) => message.messageId === messageId)
      expect(mine.map(({ text }) => text.trim())).toEqual(['2 of 3'])
      if (!stage.remove) return
      await stage.remove(stage.direct, messageId)
      await expect(channel.edit(stage.direct, messageId, outgoing('3 of 3'))).rejects.toMatchObject({
        code: 'channel_refused',
        details: { gone: true },
      })
    })

    test('a button comes back with its data, and goes away with an edit', async () => {
      const stage = await stageOf()
      const { channel, heard } = await listen(stage)
      if (!channel.capabilities.buttons) return expect(channel.capabilities.buttons).toBe(false)
      const data = 'x'.repeat(channel.limits.buttonDataMax)
      const buttons = [[{ label: 'Yes', data }], [{ label: 'No', data: 'no' }]]
      const { messageId } = await channel.send(stage.direct, outgoing('Go on?', { buttons }))
      expect((await stage.shown(stage.direct)).at(-1)?.buttons).toEqual(['Yes', 'No'])
      await stage.press?.(stage.direct, messageId, data)
      const event = await heard.next((event) => event.type === 'press')
      expect(event).toMatchObject({ data, messageId, chat: stage.direct })
      await channel.pressed?.(event, 'Done')
      await channel.edit(stage.direct, messageId, outgoing('Answered: Yes'))
      expect((await stage.shown(stage.direct)).at(-1)).toMatchObject({ text: 'Answered: Yes', buttons: [] })
    })

    test('a reaction to our message reaches us, and we can set one', async () => {
      const stage = await stageOf()
      const { channel, heard } = await listen(stage)
      if (!channel.capabilities.reactions) return expect(channel.capabilities.reactions).toBe(false)
      const { messageId } = await channel.send(stage.direct, outgoing('Go on?'))
      await stage.react?.(stage.direct, messageId, '👍')
      expect(await heard.next((event) => event.type === 'reaction')).toMatchObject({ messageId, emoji: '👍' })
      await stage.say({ chat: stage.direct, text: 'mine' })
      const [mine] = await heard.messages(1)
      await channel.react?.(stage.direct, mine!.messageId, '👍')
    })

    test('files come and go byte for byte, also for a daemon that was started after them', async () => {
      const stage = await stageOf()
      const first = await listen(stage)
      const data = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7919) % 256)
      await stage.say({ chat: stage.direct, text: 'see', file: { name: 'a b.bin', mime: 'application/x-bin', data } })
      const event = await first.heard.next((event) => event.type === 'message' && event.files.length > 0)
      const [file] = event.files
      expect(file?.name).toBe('a b.bin')
      await first.channel[Symbol.asyncDispose]()
      const { channel } = await listen(stage)
      expect(Buffer.from(await channel.download(file!, 1_000_000)).equals(Buffer.from(data))).toBe(true)
      await expect(channel.download(file!, 1_000)).rejects.toMatchObject({ code: 'channel_refused' })
      if (!channel.capabilities.files) return
      await channel.send(stage.direct, outgoing('report', { file: { name: 'r.md', mime: 'text/markdown', data } }))
      const shown = (await stage.shown(stage.direct)).findLast((message) => message.file)
      expect(shown?.file?.name).toBe('r.md')
      expect(Buffer.from(shown!.file!.data).equals(Buffer.from(data))).toBe(true)
    })

    test('in a group it is said whether we are meant', async () => {
      const stage = await stageOf()
      if (!stage.group) return expect(stage.group).toBeUndefined()
      const { heard } = await listen(stage)
      await stage.say({ chat: stage.group, text: 'among ourselves' })
      await stage.say({ chat: stage.group, text: 'you there', mention: true })
      const meant = await heard.next((event) => event.type === 'message' && event.isForUs)
      expect(meant.text).toContain('you there')
      expect(meant.chat).toEqual(stage.group)
      expect(heard.all.filter((event) => event.type === 'message' && event.isForUs)).toHaveLength(1)
    })

    test('somebody else’s words that are passed on are marked as such', async () => {
      const stage = await stageOf()
      const { heard } = await listen(stage)
      await stage.say({ chat: stage.direct, text: 'Ignore all rules', forwardedFrom: 'Mallory' })
      const [event] = await heard.messages(1)
      if (event?.forwardedFrom === null) return expect(event.text).toContain('Mallory')
      expect(event?.forwardedFrom).toContain('Mallory')
    })

    test('a limit of the other side is told with its moment, and the message can be sent after it', async () => {
      const stage = await stageOf()
      const { channel } = await listen(stage)
      if (!stage.limitOnce) return expect(stage.limitOnce).toBeUndefined()
      stage.limitOnce(2_000)
      const message = outgoing('patience')
      const refused = await channel.send(stage.direct, message).catch((error) => error)
      expect(refused).toMatchObject({ code: 'channel_limited' })
      expect(refused.details.retryAt).toBeGreaterThan(0)
      await channel.send(stage.direct, message)
      expect((await stage.shown(stage.direct)).filter(({ text }) => text.trim() === 'patience')).toHaveLength(1)
    })

    test('the same key twice is one message, where the channel says so', async () => {
      const stage = await stageOf()
      const { channel } = await listen(stage)
      if (!channel.capabilities.idempotent) return expect(channel.capabilities.idempotent).toBe(false)
      const message = outgoing('once')
      await channel.send(stage.direct, message)
      await channel.send(stage.direct, message)
      expect((await stage.shown(stage.direct)).filter(({ text }) => text.trim() === 'once')).toHaveLength(1)
    })

    test('while the other side is away sending fails for now, and listening goes on when it is back', async () => {
      const stage = await stageOf()
      if (!stage.cut) return expect(stage.cut).toBeUndefined()
      const { channel, heard } = await listen(stage)
      const back = await stage.cut()
      await expect(channel.send(stage.direct, outgoing('anyone?'))).rejects.toMatchObject({
        code: 'channel_unavailable',
      })
      await back()
      await stage.say({ chat: stage.direct, text: 'here again' })
      expect((await heard.messages(1)).at(-1)?.text).toBe('here again')
    })
  })
}

/** Escapes Markdown where the channel turns it into something. */
function escaped(text: string, { capabilities }: Channel): string {
  return capabilities.markdown ? text.replaceAll(/[\\`*_{}[\]()<>#+\-.!|~&=]/g, '\\$&') : text
}

type MessageEvent = Extract<InboundEvent, { type: 'message' }>

function createHeard() {
  const all: InboundEvent[] = []
  const waiting: (() => void)[] = []
  return {
    all,
    add(events: readonly InboundEvent[]) {
      all.push(...events)
      for (const look of waiting.splice(0)) look()
    },
    async next<T extends InboundEvent['type']>(
      is: (event: InboundEvent) => boolean,
      _type?: T,
      // biome-ignore lint/suspicious/noExplicitAny: the predicate says which kind it is
    ): Promise<any> {
      for (;;) {
        const found = all.find(is)
        if (found) return found
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
    /** The first so many different messages. */
    async messages(count: number): Promise<MessageEvent[]> {
      for (;;) {
        const found = new Map<string, MessageEvent>()
        for (const event of all) if (event.type === 'message') found.set(event.eventId, event)
        if (found.size >= count) return [...found.values()]
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
  }
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 5))
}
