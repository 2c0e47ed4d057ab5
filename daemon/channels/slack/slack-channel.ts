/**
 * Slack, by socket mode: no address of ours has to be reachable.
 *
 * Direct messages are one conversation with each person; in channels Claw listens where it is mentioned, and each
 * thread is a conversation of its own. Slack repeats an event only for some minutes, so after every time without
 * connection the direct messages are read from the history too, from the last one that is on the disk.
 */
import type { SlackConfig } from '../../../config/channels.ts'
import { MINUTE, SECOND } from '../../../core/clock.ts'
import { Fault, isFault } from '../../../core/fault.ts'
import type { Channel, ChannelDeps, Chat, InboundEvent, Outgoing, Receive, Trouble } from '../channel.ts'
import { createSlackApi } from './slack-api.ts'
import {
  later,
  readMessage,
  readPress,
  readReaction,
  type SlackActions,
  type SlackMessage,
  type SlackReaction,
  type SlackWho,
  usersIn,
} from './slack-events.ts'
import { SLACK_MANIFEST } from './slack-manifest.ts'
import { type Envelope, listenToSlack } from './slack-socket.ts'
import { nameOfEmoji, toSlack } from './slack-text.ts'

/** The `ts` up to which every direct message is on the disk. */
const SEEN = 'seen'
const NAMES_MAX = 1_000
const PAGE_MAX = 200
/** How long Slack may take to show where a file has gone. */
const SHARE_MS: readonly number[] = [0, 300, 1_000]

export function createSlackChannel(config: SlackConfig, deps: ChannelDeps): Channel {
  const { world, memory } = deps
  const closing = new AbortController()
  const appToken = deps.secret(config.appToken)
  const api = createSlackApi({
    token: deps.secret(config.botToken),
    apiRoot: config.apiRoot,
    now: world.clock.now,
    closing: closing.signal,
  })
  const { client, call } = api
  const names = new Map<string, string>()
  let me: Promise<string> | undefined
  let listening: Promise<void> = Promise.resolve()
  /** The newest `ts` taken, and whether nothing before it is missing. */
  let newest = ''
  let isWhole = false

  function whoAmI(): Promise<string> {
    me ??= call(client.auth.test()).then(
      ({ user_id }) => user_id!,
      (error) => {
        me = undefined
        throw error
      },
    )
    return me
  }

  async function whoIn(body: unknown): Promise<SlackWho> {
    const unknown = usersIn(body).filter((user) => !names.has(user))
    await Promise.all(
      unknown.map(async (user) => {
        const found = await call(client.users.info({ user })).catch(() => undefined)
        const name = found?.user?.profile?.display_name || found?.user?.real_name || found?.user?.name
        if (name) names.set(user, name)
        if (names.size > NAMES_MAX) names.delete(names.keys().next().value!)
      }),
    )
    return { me: await whoAmI(), nameOf: (user) => names.get(user) }
  }

  // ---- what comes in ---------------------------------------------------------------------

  async function take(envelopes: readonly Envelope[], receive: Receive): Promise<void> {
    const who = await whoIn(envelopes.map(({ body }) => body))
    const events = envelopes.flatMap((envelope) => read(envelope, who) ?? [])
    if (events.length > 0) await receive(events)
    await markSeen(events)
  }

  function read({ type, body }: Envelope, who: SlackWho): InboundEvent | undefined {
    if (type === 'interactive') {
      const payload = body as SlackActions & { type?: string }
      return payload.type === 'block_actions' ? readPress(payload, who) : undefined
    }
    const event = (body as { event?: SlackMessage & SlackReaction } | undefined)?.event
    if (type !== 'events_api' || !event) return undefined
    if (event.type === 'message' || event.type === 'app_mention') return readMessage(event, who)
    return event.type === 'reaction_added' ? readReaction(event, who) : undefined
  }

  async function markSeen(events: readonly InboundEvent[]): Promise<void> {
    for (const event of events) {
      const ts = event.type === 'message' && event.chat.kind === 'direct' ? event.messageId.split('~')[0]! : ''
      if (isAfter(ts, newest)) newest = ts
    }
    if (isWhole && newest !== '' && (await memory.get(SEEN)) !== newest) await memory.set(SEEN, newest)
  }

  /** Direct messages of the time without connection. Nothing is marked as seen before all of them were read. */
  async function catchUp(receive: Receive, signal: AbortSignal): Promise<void> {
    isWhole = false
    const seen = await memory.get(SEEN)
    // Where nobody has written yet nothing is missing, and what was said before the set-up is no wish.
    if (seen !== undefined) {
      const channels = await patiently(() => listDirect(signal), signal)
      for (const channel of channels) await readSince(channel, seen, receive, signal)
    }
    isWhole = true
    await markSeen([])
  }

  async function listDirect(signal: AbortSignal): Promise<string[]> {
    const found: string[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await call(
        client.users.conversations({ types: 'im', limit: PAGE_MAX, ...(cursor ? { cursor } : {}) }),
        signal,
      )
      for (const { id } of page.channels ?? []) if (id) found.push(id)
      cursor = page.response_metadata?.next_cursor || undefined
      if (!cursor) return found
    }
  }

  async function readSince(channel: string, seen: string, receive: Receive, signal: AbortSignal): Promise<void> {
    const lines: SlackMessage[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await patiently(
        () =>
          call(
            client.conversations.history({
              channel,
              oldest: seen,
              limit: PAGE_MAX,
              ...(cursor ? { cursor } : {}),
            }),
            signal,
          ),
        signal,
      )
      lines.push(...((page.messages ?? []) as SlackMessage[]))
      cursor = (page.has_more && page.response_metadata?.next_cursor) || undefined
      if (!cursor) break
    }
    if (lines.length === 0) return
    const who = await whoIn(lines)
    const events = lines.flatMap((line) => readMessage({ ...line, channel }, who) ?? []).sort(later)
    if (events.length > 0) await receive(events)
    await markSeen(events)
  }

  /** Waits where Slack asks for it; this reading has time. */
  async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        const fault = isFault(error) && error.mayRetry ? error : undefined
        if (!fault || signal.aborted) throw error
        const retryAt = fault.details['retryAt']
        const waitMs = typeof retryAt === 'number' ? retryAt - world.clock.now() : 5 * SECOND
        await world.clock.sleep(Math.min(Math.max(waitMs, SECOND), 5 * MINUTE), signal)
      }
    }
  }

  // ---- what goes out ---------------------------------------------------------------------

  async function post(chat: Chat, message: Outgoing, signal?: AbortSignal): Promise<string> {
    const { text, blocks } = toSlack(message)
    const sent = await call(
      client.chat.postMessage({ ...placeOf(chat, message), text, blocks, unfurl_links: false, unfurl_media: false }),
      signal,
    )
    return sent.ts!
  }

  /** The words go along with the file, so that they are seen together or not at all. */
  async function share(chat: Chat, message: Outgoing, signal?: AbortSignal): Promise<string> {
    const file = message.file!
    const { upload_url, file_id } = await call(
      client.files.getUploadURLExternal({ filename: file.name, length: file.data.byteLength }),
      signal,
    )
    await api.upload(upload_url!, file.data, signal)
    const { channel, thread_ts } = placeOf(chat, message)
    // Buttons need a message that can be edited; they follow.
    const { blocks } = message.buttons ? { blocks: [] } : toSlack(message)
    await call(
      client.files.completeUploadExternal({
        files: [{ id: file_id!, title: file.name }],
        channel_id: channel,
        ...(thread_ts ? { thread_ts } : {}),
        ...(blocks.length > 0 ? { blocks } : {}),
      } as Parameters<typeof client.files.completeUploadExternal>[0]),
      signal,
    )
    return message.buttons ? post(chat, message, signal) : whereShared(channel, file_id!, signal)
  }

  /** The message that a file became. Slack is slow to say; where it does not, the file's own id stands for it. */
  async function whereShared(channel: string, file: string, signal?: AbortSignal): Promise<string> {
    for (const waitMs of SHARE_MS) {
      await world.clock.sleep(waitMs, closing.signal)
      const found = await call(client.files.info({ file }), signal).catch(() => undefined)
      const shares = found?.file?.shares as Record<string, Record<string, { ts?: string }[]>> | undefined
      const ts = shares?.['private']?.[channel]?.[0]?.ts ?? shares?.['public']?.[channel]?.[0]?.ts
      if (ts) return ts
    }
    return `file:${file}`
  }

  return {
    name: deps.name,
    kind: 'slack',
    capabilities: {
      buttons: true,
      reactions: true,
      edits: true,
      typing: false,
      files: true,
      idempotent: false,
      markdown: true,
      threads: true,
    },
    limits: {
      textMax: 3_000,
      buttonDataMax: 2_000,
      // 25 rows of one; a message has 50 blocks at most.
      buttonsMax: 25,
      fileMaxBytes: 50 * 1024 * 1024,
      attachAbove: 9_000,
      // "One message per second per channel."
      perChatMs: SECOND,
      overallMs: 100,
    },
    async check(signal) {
      const { user, team, response_metadata } = await call(client.auth.test(), signal)
      await call(client.apps.connections.open({ token: appToken }), signal)
      const granted = response_metadata?.scopes
      const missing = granted ? SLACK_MANIFEST.oauth_config.scopes.bot.filter((scope) => !granted.includes(scope)) : []
      const words = [`Write to @${user} in Slack: Apps, ${user}, Messages. In channels, invite and mention it.`]
      if (missing.length > 0) {
        words.push(`The app lacks ${missing.join(', ')}: add them under OAuth & Permissions and install it again.`)
      }
      return { account: `@${user} (${team})`, words }
    },
    async start(receive, onTrouble: (trouble: Trouble | undefined) => void) {
      listening = listenToSlack({
        world,
        appToken,
        apiRoot: config.apiRoot,
        closing: closing.signal,
        take: (envelopes) => take(envelopes, receive),
        onOpen: (signal) => catchUp(receive, signal),
        onTrouble,
      })
    },
    async send(chat, message, signal) {
      return { messageId: await (message.file ? share : post)(chat, message, signal) }
    },
    async edit(chat, messageId, message, signal) {
      if (messageId.startsWith('file:')) {
        throw new Fault('channel_refused', 'Slack did not say where the file is', { details: { gone: true } })
      }
      const { text, blocks } = toSlack(message)
      await call(client.chat.update({ channel: placeOf(chat, {}).channel, ts: messageId, text, blocks }), signal)
    },
    async react(chat, messageId, emoji) {
      const name = nameOfEmoji(emoji)
      if (!name) return
      const timestamp = messageId.split('~')[0]!
      await call(client.reactions.add({ channel: placeOf(chat, {}).channel, timestamp, name })).catch(() => {})
    },
    async download({ ref, name, bytes }, bytesMax, signal) {
      if (bytes !== null && bytes > bytesMax)
        throw new Fault('channel_refused', `${name} has more than ${bytesMax} bytes`)
      const { file } = await call(client.files.info({ file: ref }), signal)
      const url = file?.url_private_download ?? file?.url_private
      if (!url) throw new Fault('channel_refused', `${name} is not kept at Slack`)
      return api.bytes(url, bytesMax, signal)
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('the channel is closed'))
      await listening
    },
  }
}

/** In a channel its thread; in direct messages the thread that is answered in, if any. */
function placeOf(chat: Chat, { replyTo }: Pick<Outgoing, 'replyTo'>): { channel: string; thread_ts?: string } {
  const [channel = '', thread] = chat.id.split('/')
  const answered = thread ?? replyTo?.split('~')[1]
  return answered === undefined ? { channel } : { channel, thread_ts: answered }
}

function isAfter(ts: string, other: string): boolean {
  return ts !== '' && Number(ts) > Number(other || 0)
}
