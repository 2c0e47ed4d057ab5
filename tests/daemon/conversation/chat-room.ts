import { onTestFinished } from 'vitest'
import type { Role } from '../../../core/person.ts'
import type { PlanDraft } from '../../../core/plan.ts'
import type { Channel, Chat, MessageEvent } from '../../../daemon/channels/channel.ts'
import { createFakeServer, type FakeMessage, type FakeOptions, type FakeServer } from '../../fakes/fake-channel.ts'
import type { Answer, ModelRequest } from '../../model-server/exchange.ts'
import type { ModelServer } from '../../model-server/model-server.ts'
import { startModelServer } from '../../model-server/model-server.ts'
import { type DaemonRoom, openRoom, type RoomOptions } from '../../scenarios/daemon-room.ts'

/** What a scripted brain says to one question in a chat: words, and calls as `[tool, input]`. */
export interface Said {
  say?: string
  calls?: [tool: string, input: object][]
}

export interface ChatRoomOptions {
  /** Undefined: there is no brain. Asked with the prompt; how often it was asked, from 1. */
  brain?: (prompt: string, nth: number) => Said | Answer
  /** What the planner answers, where a goal brings no plan; of several, one after the other and the last again. */
  plan?: PlanDraft | PlanDraft[]
  summary?: (prompt: string) => string
  config?: Record<string, unknown>
  clock?: RoomOptions['clock']
  channel?: FakeOptions
}

export interface SayOptions extends Partial<Pick<MessageEvent, 'files' | 'forwardedFrom' | 'replyTo' | 'isForUs'>> {
  chat?: Chat
  /** Another channel's server. */
  on?: FakeServer
  eventId?: string
}

export const GROUP: Chat = { id: 'team', kind: 'group' }

/** A whole daemon with a scripted model, and people who talk to it over a channel without a network. */
export interface ChatRoom {
  room: DaemonRoom
  server: FakeServer
  model: ModelServer | undefined
  /** Opens one more channel, or the first again after a restart. */
  open(server: FakeServer, options?: FakeOptions): Promise<Channel>
  /** Answers the event's id. */
  say(who: string, text: string, options?: SayOptions): string
  press(who: string, message: FakeMessage, label: string, on?: FakeServer): void
  react(who: string, message: FakeMessage, emoji: string, on?: FakeServer): void
  /** Lets somebody in as the product does: they write, the code is said at the machine. */
  pair(who: string, role: Role, on?: FakeServer): Promise<void>
  /** The first message that fits, now or later. */
  shown(is: RegExp | ((message: FakeMessage) => boolean), on?: FakeServer): Promise<FakeMessage>
  /** Every message that fits, now. */
  messages(is: RegExp, chatId?: string): FakeMessage[]
  /** Waits until every event was settled and everything due was sent. */
  quiet(): Promise<void>
  /** What the brain was asked in chats, oldest first. */
  prompts(): string[]
  events(type: string): Record<string, unknown>[]
}

const CONVERSE = 'You are the voice of Claw in a chat'
const SUMMARY = 'You keep the memory of a chat'

export async function openChatRoom(options: ChatRoomOptions = {}): Promise<ChatRoom> {
  const { brain, plan, summary = () => 'Nothing yet.' } = options
  const server = createFakeServer({ now: () => Date.now() })
  const plans = plan === undefined ? [] : [plan].flat()
  let planned = 0
  let nth = 0
  const model =
    brain &&
    (await startModelServer({
      script(request): Answer | undefined {
        if (request.system.includes(CONVERSE)) return answerOf(brain(promptOf(request), ++nth))
        if (request.system.includes(SUMMARY)) return { json: { summary: summary(promptOf(request)) } }
        const draft = plans[Math.min(planned++, plans.length - 1)]
        return draft && { json: { ...draft, tasks: draft.tasks.map((task) => ({ act: null, ...task })) } }
      },
    }))
  if (model) onTestFinished(() => model[Symbol.asyncDispose]())
  const chosen = model && {
    provider: 'openai-chat',
    model: 'scripted-model',
    baseUrl: `${model.url}/v1`,
    key: 'env:BRAIN_KEY',
  }
  const room = await openRoom({
    config: { ...options.config, brain: { review: false, ...(chosen ? { model: chosen } : {}) } },
    ...(model ? { env: { BRAIN_KEY: 'not-a-key' } } : {}),
    ...(options.clock ? { clock: options.clock } : {}),
  })
  const open = async (on: FakeServer, more: FakeOptions = {}): Promise<Channel> => {
    const channel = on.open({ ...options.channel, ...more })
    await room.daemon.chat.channels.addLocal(channel)
    return channel
  }
  await open(server)

  async function eventually<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const giveUp = AbortSignal.timeout(25_000)
    for (;;) {
      const changed = Promise.withResolvers<void>()
      using _commits = room.daemon.chat.store.onCommit(changed.resolve)
      const found = await look()
      if (found !== undefined) return found
      giveUp.addEventListener('abort', () => changed.resolve(), { once: true })
      await changed.promise
      if (giveUp.aborted) {
        const said = [...server.messages].map(({ chatId, text }) => `${chatId}: ${text}`).join('\n')
        throw new Error(`waited in vain until ${what}\n${said}\n${room.picture()}`)
      }
    }
  }

  const base = (who: string, chat: Chat | undefined, on: FakeServer) => ({
    chat: chat ?? ({ id: who, kind: 'direct' } as Chat),
    sender: { id: `id-${who}`, name: who, isVerified: true },
    at: Date.now(),
    eventId: `e${on.newId()}`,
  })

  const self: ChatRoom = {
    room,
    server,
    model,
    open,
    say(who, text, { chat, on = server, ...more } = {}) {
      const event = base(who, chat, on)
      const eventId = more.eventId ?? event.eventId
      on.put({
        ...event,
        type: 'message',
        messageId: `m-${eventId}`,
        text,
        files: [],
        isForUs: event.chat.kind === 'direct',
        replyTo: null,
        forwardedFrom: null,
        ...more,
        eventId,
      })
      return eventId
    },
    press(who, message, label, on = server) {
      const button = message.buttons.find((one) => one.label === label)
      if (!button) throw new Error(`no button ${label}; there are ${message.buttons.map((one) => one.label)}`)
      const chat: Chat = message.chatId === GROUP.id ? GROUP : { id: message.chatId, kind: 'direct' }
      on.put({ ...base(who, chat, on), type: 'press', messageId: message.messageId, data: button.data })
    },
    react(who, message, emoji, on = server) {
      const chat: Chat = message.chatId === GROUP.id ? GROUP : { id: message.chatId, kind: 'direct' }
      on.put({ ...base(who, chat, on), type: 'reaction', messageId: message.messageId, emoji })
    },
    async pair(who, role, on = server) {
      self.say(who, 'hello', { on })
      const { text } = await self.shown((message) => message.chatId === who && /claw pair/.test(message.text), on)
      const code = /claw pair (\S+)`/.exec(text)![1]!
      await room.daemon.chat.people.pair({ code, name: who, role }, 'test')
    },
    shown: (is, on = server) =>
      eventually(`a message fits ${is}`, () =>
        on.messages.find((message) => (is instanceof RegExp ? is.test(message.text) : is(message))),
      ),
    messages: (is, chatId) =>
      server.messages.filter((message) => is.test(message.text) && (chatId === undefined || message.chatId === chatId)),
    quiet: () =>
      eventually('everything was answered and sent', () => {
        const open = room.query<{ n: number }>(
          `select (select count(*) from chat_event where state = 'new') + (select count(*) from chat_out where state in ('due', 'sending')) as n`,
        )
        return open[0]!.n === 0 ? true : undefined
      }).then(() => {}),
    prompts: () =>
      (model?.requests ?? []).flatMap(({ request }) => (request?.system.includes(CONVERSE) ? [promptOf(request)] : [])),
    events: (type) =>
      room
        .query<{ data: string }>(`select data from event where type = '${type}' order by id`)
        .map(({ data }) => JSON.parse(data) as Record<string, unknown>),
  }
  return self
}

function promptOf(request: ModelRequest): string {
  return request.messages
    .filter(({ role }) => role === 'user')
    .map(({ text }) => text)
    .join('\n')
}

function answerOf(said: Said | Answer): Answer {
  if (!('say' in said || 'calls' in said) || 'tools' in said) return said as Answer
  const { say = '', calls = [] } = said as Said
  return { json: { say, calls: calls.map(([tool, input]) => ({ tool, input: JSON.stringify(input) })) } }
}
