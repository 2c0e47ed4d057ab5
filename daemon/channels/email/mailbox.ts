/**
 * A mailbox over IMAP: what is new, oldest first, and woken by the server (IDLE) when more comes.
 *
 * The cursor is the mailbox's UIDVALIDITY and the next UID; it moves on when what was fetched is on the disk. A server
 * that gives out new UIDs (another UIDVALIDITY) is read again from a day before the newest mail that was taken; what
 * was taken then is known by its event id and stays one.
 */
import { ImapFlow } from 'imapflow'
import { backoffMs } from '../../../core/backoff.ts'
import { DAY, MINUTE, SECOND } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { World } from '../../../core/world.ts'
import type { ChannelMemory, Trouble } from '../channel.ts'
import type { MailServer } from './mail-servers.ts'
import type { MailPlace } from './read-mail.ts'

export interface MailboxDeps {
  world: World
  server: MailServer
  user: string
  password: string
  memory: ChannelMemory
  closing: AbortSignal
}

export interface FetchedMail {
  place: MailPlace
  /** Undefined: larger than is read; its head is in `head`. */
  source: Buffer | undefined
  head: Buffer
}

export interface Mailbox {
  /** Resolves when `closing` is aborted. `take` resolves when what it got is on the disk. */
  listen(
    take: (mails: readonly FetchedMail[]) => Promise<void>,
    onTrouble: (trouble: Trouble | undefined) => void,
  ): Promise<void>
  /** The whole of one mail. Undefined: it is no longer there. */
  fetch(uidValidity: string, uid: number): Promise<Buffer | undefined>
  /** Logs in, opens the inbox and gives the heads of its newest mails. */
  peek(count: number): Promise<Buffer[]>
}

interface Cursor {
  uidValidity: string
  next: number
  /** When the newest mail that was taken arrived, by the server's clock. */
  at: number
}

const CURSOR = 'cursor'
const BORN = 'born'
const TOGETHER_MAX = 10
/** Mails that are larger are not read into memory. */
const SOURCE_MAX = 40 * 1024 * 1024
const HEAD_MAX = 256 * 1024
/** A server may be slow to tell; so often it is asked. */
const LOOK_MS = 10 * MINUTE
const IDLE_MS = 5 * MINUTE
/** How far a server's clock may be behind ours when the first mails are told from old ones. */
const SKEW_MS = MINUTE

export function createMailbox(deps: MailboxDeps): Mailbox {
  const { world, server, memory, closing } = deps
  const log = world.log

  function newClient(): ImapFlow {
    const { host, port, isSecure, mayBePlain } = server
    return new ImapFlow({
      host,
      port,
      secure: isSecure,
      ...(isSecure || mayBePlain ? {} : { doSTARTTLS: true }),
      auth: { user: deps.user, pass: deps.password },
      logger: false,
      disableAutoIdle: true,
      maxIdleTime: IDLE_MS,
      connectionTimeout: 20 * SECOND,
      greetingTimeout: 10 * SECOND,
      maxLiteralSize: SOURCE_MAX + HEAD_MAX,
      clientInfo: { name: 'claw' },
    })
  }

  /** Connected for the length of `work`, on whose way the connection may break at any time. */
  async function connected<T>(work: (client: ImapFlow, gone: AbortSignal) => Promise<T>): Promise<T> {
    const client = newClient()
    const gone = new AbortController()
    const onGone = () => gone.abort(new Error('the connection is over'))
    client.on('close', onGone)
    client.on('error', onGone)
    const leave = () => client.close()
    closing.addEventListener('abort', leave, { once: true })
    try {
      closing.throwIfAborted()
      await client.connect()
      return await work(client, gone.signal)
    } catch (error) {
      closing.throwIfAborted()
      throw toFault(error, server)
    } finally {
      closing.removeEventListener('abort', leave)
      client.close()
    }
  }

  async function readCursor(): Promise<Cursor | undefined> {
    const kept = await memory.get(CURSOR)
    return kept === undefined ? undefined : (JSON.parse(kept) as Cursor)
  }

  /** UIDs that were not taken yet, oldest first, and the cursor behind them. */
  async function findNew(
    client: ImapFlow,
  ): Promise<{ uids: { uid: number; size: number; at: number }[]; cursor: Cursor }> {
    const box = client.mailbox
    if (!box) throw new Fault('channel_unavailable', 'the inbox is not open')
    const uidValidity = String(box.uidValidity)
    const kept = await readCursor()
    if ((await memory.get(BORN)) === undefined) await memory.set(BORN, String(world.clock.now()))
    const born = Number(await memory.get(BORN)) - SKEW_MS
    const isSame = kept?.uidValidity === uidValidity
    if (kept && !isSame) log.warn({ before: kept.uidValidity, now: uidValidity }, 'the mailbox was numbered anew')
    const since = Math.max(born, kept ? kept.at - DAY : born)
    const cursor: Cursor = isSame ? kept : { uidValidity, next: 1, at: kept?.at ?? born }
    const range = isSame ? `${kept.next}:*` : await sinceRange(client, since)
    if (range === undefined) return { uids: [], cursor: { ...cursor, next: box.uidNext } }
    const found = await client.fetchAll(range, { uid: true, size: true, internalDate: true }, { uid: true })
    const last = Math.max(0, ...found.map(({ uid }) => uid))
    const uids = found
      .map(({ uid, size = 0, internalDate }) => ({ uid, size, at: Number(new Date(internalDate ?? 0)) }))
      // `N:*` names the last one even where it is below N.
      .filter(({ uid, at }) => uid >= cursor.next && (isSame || at >= since))
      .sort((a, b) => a.uid - b.uid)
    // Old mails are left behind for good, not looked at again as if they were new.
    return { uids, cursor: uids.length > 0 ? cursor : { ...cursor, next: Math.max(cursor.next, last + 1) } }
  }

  async function sinceRange(client: ImapFlow, since: number): Promise<string | undefined> {
    // The server searches by days of its own time zone.
    const uids = await client.search({ since: new Date(since - DAY) }, { uid: true })
    return uids && uids.length > 0 ? uids.join(',') : undefined
  }

  async function takeNew(client: ImapFlow, take: (mails: readonly FetchedMail[]) => Promise<void>): Promise<void> {
    const found = await findNew(client)
    let { cursor } = found
    if (found.uids.length === 0) {
      const kept = await readCursor()
      const isMoved = kept?.uidValidity !== cursor.uidValidity || kept.next !== cursor.next
      if (isMoved) await memory.set(CURSOR, JSON.stringify(cursor))
      return
    }
    for (let from = 0; from < found.uids.length; from += TOGETHER_MAX) {
      const batch = found.uids.slice(from, from + TOGETHER_MAX)
      const mails: FetchedMail[] = []
      for (const { uid, size, at } of batch) {
        const isRead = size <= SOURCE_MAX
        const one = await client.fetchOne(String(uid), isRead ? { source: true } : { headers: true }, { uid: true })
        // Moved away by somebody else meanwhile.
        if (!one) continue
        const source = isRead ? one.source : undefined
        mails.push({
          place: { uidValidity: cursor.uidValidity, uid, at },
          source,
          head: source ?? one.headers ?? Buffer.alloc(0),
        })
      }
      closing.throwIfAborted()
      await take(mails)
      const last = batch.at(-1)!
      cursor = { ...cursor, next: last.uid + 1, at: Math.max(cursor.at, ...batch.map(({ at }) => at)) }
      await memory.set(CURSOR, JSON.stringify(cursor))
      const taken = batch.map(({ uid }) => uid).join(',')
      await client.messageFlagsAdd(taken, ['\\Seen'], { uid: true }).catch(() => {})
    }
  }

  /** Until the server tells of something, or it is time to look. */
  async function wait(client: ImapFlow, gone: AbortSignal, told: Promise<void>): Promise<void> {
    const idling = client.idle().catch(() => {})
    const looking = new AbortController()
    const over = AbortSignal.any([gone, closing])
    const ended = Promise.withResolvers<void>()
    over.addEventListener('abort', () => ended.resolve(), { once: true })
    if (over.aborted) ended.resolve()
    await Promise.race([told, ended.promise, world.clock.sleep(LOOK_MS, looking.signal).catch(() => {})])
    looking.abort()
    // The next command ends the idling; without one it goes on.
    if (over.aborted) await idling
  }

  async function listenOnce(take: (mails: readonly FetchedMail[]) => Promise<void>, onOpen: () => void): Promise<void> {
    await connected(async (client, gone) => {
      let told = Promise.withResolvers<void>()
      client.on('exists', () => told.resolve())
      await client.mailboxOpen('INBOX')
      onOpen()
      while (!gone.aborted && !closing.aborted) {
        const before = told
        told = Promise.withResolvers<void>()
        before.resolve()
        await takeNew(client, take)
        await wait(client, gone, told.promise)
      }
      throw new Fault('channel_unavailable', `${server.host} closed the connection`)
    })
  }

  return {
    async listen(take, onTrouble) {
      let failures = 0
      let isTroubled = false
      while (!closing.aborted) {
        try {
          await listenOnce(take, () => {
            if (isTroubled) onTrouble(undefined)
            isTroubled = false
          })
        } catch (error) {
          if (closing.aborted) return
          failures = isTroubled ? failures + 1 : 1
          const fault = error instanceof Fault ? error : undefined
          if (!fault) log.warn({ err: error }, 'what came was not taken')
          if (fault) {
            isTroubled = true
            onTrouble({ words: fault.message, mayPass: fault.mayRetry })
          }
          await world.clock.sleep(backoffMs(failures, 300, MINUTE), closing).catch(() => {})
        }
      }
    },
    fetch: (uidValidity, uid) =>
      connected(async (client) => {
        const box = await client.mailboxOpen('INBOX', { readOnly: true })
        if (String(box.uidValidity) !== uidValidity) return undefined
        const one = await client.fetchOne(String(uid), { source: true }, { uid: true })
        return one ? one.source : undefined
      }),
    peek: (count) =>
      connected(async (client) => {
        const { exists } = await client.mailboxOpen('INBOX', { readOnly: true })
        if (exists === 0) return []
        const found = await client.fetchAll(`${Math.max(1, exists - count + 1)}:*`, { headers: true })
        return found.flatMap(({ headers }) => headers ?? [])
      }),
  }
}

interface ImapError {
  code?: string
  authenticationFailed?: boolean
  tlsFailed?: boolean
  responseText?: string
  message?: string
}

function toFault(error: unknown, { host, port }: MailServer): unknown {
  if (error instanceof Fault) return error
  const { code, authenticationFailed, tlsFailed, responseText, message } = error as ImapError
  const where = `${host}:${port}`
  if (authenticationFailed) {
    return new Fault(
      'channel_refused',
      `${where} does not take the password (${oneLine(responseText ?? 'no reason')})`,
      {
        hint: 'With two-factor login an app password is needed; see your provider’s settings.',
      },
    )
  }
  if (tlsFailed || /certificate|CERT|TLS|SSL/.test(`${code} ${message}`)) {
    return new Fault('channel_refused', `no secure connection to ${where}: ${oneLine(message ?? code ?? '')}`, {
      hint: 'Is it the right server? Its certificate must be one that this machine trusts.',
    })
  }
  if (code !== undefined || responseText !== undefined) {
    return new Fault('channel_unavailable', `${where} cannot be read now (${oneLine(responseText ?? code ?? '')})`)
  }
  return error
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}
