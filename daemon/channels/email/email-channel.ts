/**
 * E-mail: a mailbox of Claw's own, read over IMAP and answered over SMTP.
 *
 * A sender counts only where somebody vouches for the address (sender-check.ts); each person is one conversation,
 * whatever the thread. What programs send (bounces, absences, lists) is never taken, and what we send says that a
 * program sent it, so that two machines cannot talk to each other without end.
 */
import { resolveSrv, resolveTxt } from 'node:dns/promises'
import { simpleParser } from 'mailparser'
import { createTransport, type SendMailOptions } from 'nodemailer'
import type { EmailConfig } from '../../../config/channels.ts'
import { SECOND } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { Channel, ChannelDeps, Checked, InboundEvent, Receive } from '../channel.ts'
import { toHtml, toPlain } from '../markdown-html.ts'
import type { ResolveTxt } from './dkim.ts'
import { findServers, type MailServers, type ResolveSrv } from './mail-servers.ts'
import { createMailbox, type FetchedMail, type Mailbox } from './mailbox.ts'
import { readHeaders, splitMail, valuesOf } from './raw-mail.ts'
import { type MailThread, readMail } from './read-mail.ts'
import { sendFault } from './send-fault.ts'
import { checkSender, readResults } from './sender-check.ts'
import { newToken, subjectWith, withToken } from './token.ts'

/** Who is asked about domains. */
export interface Dns {
  resolveTxt: ResolveTxt
  resolveSrv: ResolveSrv
}

const THREADS = 'threads'
/** Mails whose subject and line of answers are remembered, so that ours stand under them. */
const THREADS_MAX = 200
/** So often a mail is held back for a domain that does not answer; then nobody vouches for it. */
const UNSURE_MAX = 3
const PEEKED = 10
const SUBJECT_MAX = 80

export function createEmailChannel(config: EmailConfig, deps: ChannelDeps, dns: Dns = systemDns): Channel {
  const { world, memory } = deps
  const address = config.address.toLowerCase()
  const password = deps.secret(config.password)
  const user = config.user ?? config.address
  const closing = new AbortController()
  const unsure = new Map<string, number>()
  let listening: Promise<void> = Promise.resolve()
  let found: Promise<MailServers> | undefined

  function servers(): Promise<MailServers> {
    found ??= findServers(config, dns.resolveSrv).catch((error) => {
      found = undefined
      throw error
    })
    return found
  }

  async function mailbox(): Promise<Mailbox> {
    const { imap } = await servers()
    return createMailbox({ world, server: imap, user, password, memory, closing: closing.signal })
  }

  async function transport() {
    const { host, port, isSecure, mayBePlain } = (await servers()).smtp
    return createTransport({
      host,
      port,
      secure: isSecure,
      requireTLS: !isSecure && !mayBePlain,
      auth: { user, pass: password },
      connectionTimeout: 20 * SECOND,
      greetingTimeout: 10 * SECOND,
      socketTimeout: 60 * SECOND,
      // Nothing is ever read from a path or an address that stands in a message.
      disableFileAccess: true,
      disableUrlAccess: true,
    })
  }

  // ---- what comes in ---------------------------------------------------------------------

  async function take(mails: readonly FetchedMail[], receive: Receive): Promise<void> {
    const threads = await readThreads()
    const events: InboundEvent[] = []
    for (const mail of mails) {
      const read = await readOne(mail)
      if (!read) continue
      events.push(read.event)
      threads.set(read.thread.messageId, read.thread)
    }
    await keepThreads(threads)
    if (events.length > 0) await receive(events)
  }

  async function readOne({ place, source, head }: FetchedMail) {
    const { trust } = await servers()
    const raw = splitMail(head)
    const parsed = await simpleParser(source ?? head, { skipTextToHtml: true, skipImageLinks: true }).catch(
      (error: unknown) => {
        world.log.warn({ err: error, uid: place.uid }, 'a mail that cannot be read was left out')
        return undefined
      },
    )
    if (!parsed) return undefined
    const read = await readMail(raw, parsed, place, {
      address,
      check: (mail, from, to) =>
        checkSender(mail, from, to, { trust, resolveTxt: dns.resolveTxt, now: world.clock.now }),
    })
    if ('ignored' in read) {
      world.log.info({ from: read.from, why: read.ignored }, 'a mail was left out')
      return undefined
    }
    if (read.check.isUnsure) holdBack(`${place.uidValidity}/${place.uid}`)
    if (!read.check.isVerified)
      world.log.warn({ from: read.event.sender.id, why: read.check.why }, 'a mail was refused')
    if (source === undefined) read.event.text = `${read.event.text}\n(The mail was too large to be read.)`.trim()
    return read
  }

  /** Throws, so that the mail comes again, but not for ever: a stranger's domain may never answer. */
  function holdBack(key: string): void {
    const times = (unsure.get(key) ?? 0) + 1
    unsure.set(key, times)
    if (unsure.size > THREADS_MAX) unsure.delete(unsure.keys().next().value!)
    if (times <= UNSURE_MAX) throw new Fault('channel_unavailable', 'a sender’s domain could not be asked for its key')
  }

  async function readThreads(): Promise<Map<string, MailThread>> {
    const kept = JSON.parse((await memory.get(THREADS)) ?? '[]') as MailThread[]
    return new Map(kept.map((thread) => [thread.messageId, thread]))
  }

  async function keepThreads(threads: Map<string, MailThread>): Promise<void> {
    await memory.set(THREADS, JSON.stringify([...threads.values()].slice(-THREADS_MAX)))
  }

  // ---- what goes out ---------------------------------------------------------------------

  async function send(to: string, { text, file, replyTo, key }: Parameters<Channel['send']>[1]): Promise<string> {
    if (to.startsWith('?')) throw new Fault('channel_refused', `nobody vouches for ${to.slice(1)}: it gets no answer`)
    const token = newToken(password, `${deps.name} ${key}`)
    const messageId = withToken(token, address)
    const threads = await readThreads()
    const answered = replyTo === undefined ? undefined : threads.get(replyTo)
    const first = toPlain(text).trim().split('\n')[0]!.slice(0, SUBJECT_MAX) || file?.name || 'Claw'
    const subject = subjectWith(answered ? `Re: ${answered.subject.replace(/^(\s*re\s*:)+\s*/i, '')}` : first, token)
    const references = [...(answered?.references ?? (replyTo ? [replyTo] : []))]
    const mail: SendMailOptions = {
      from: { name: 'Claw', address: config.address },
      to,
      subject,
      messageId,
      text: toPlain(text),
      html: toHtml(text),
      ...(replyTo ? { inReplyTo: replyTo, references } : {}),
      headers: {
        'Auto-Submitted': replyTo ? 'auto-replied' : 'auto-generated',
        'X-Auto-Response-Suppress': 'All',
        'X-Claw': '1',
      },
      ...(file
        ? { attachments: [{ filename: file.name, contentType: file.mime, content: Buffer.from(file.data) }] }
        : {}),
    }
    const sender = await transport()
    try {
      await sender.sendMail(mail)
    } catch (error) {
      throw sendFault(error, (await servers()).smtp)
    } finally {
      sender.close()
    }
    threads.set(messageId, { messageId, subject, references: [...references, messageId].slice(-20) })
    await keepThreads(threads)
    return messageId
  }

  async function look(): Promise<Checked> {
    const { imap, smtp, trust } = await servers()
    const heads = await (await mailbox()).peek(PEEKED)
    const sender = await transport()
    try {
      await sender.verify()
    } catch (error) {
      throw sendFault(error, smtp)
    } finally {
      sender.close()
    }
    const words = [`Read at ${imap.host}, sent by ${smtp.host}. Write to ${config.address}.`]
    words.push(...trustWords(trust, heads))
    return { account: config.address, words }
  }

  return {
    name: deps.name,
    kind: 'email',
    capabilities: {
      buttons: false,
      reactions: false,
      edits: false,
      typing: false,
      files: true,
      idempotent: false,
      markdown: true,
      threads: true,
    },
    limits: {
      textMax: 50_000,
      buttonDataMax: 0,
      buttonsMax: 0,
      fileMaxBytes: 15 * 1024 * 1024,
      attachAbove: 30_000,
      perChatMs: 3 * SECOND,
      overallMs: SECOND,
    },
    check: (signal) => untilAborted(look(), signal),
    async start(receive, onTrouble) {
      listening = mailbox()
        .then((box) => box.listen((mails) => take(mails, receive), onTrouble))
        .catch((error) => {
          if (!closing.signal.aborted) throw error
        })
      listening.catch((error) =>
        onTrouble({ words: String(error instanceof Fault ? error.message : error), mayPass: false }),
      )
    },
    async send(chat, message, signal) {
      signal?.throwIfAborted()
      return { messageId: await send(chat.id, message) }
    },
    async edit() {
      throw new Fault('channel_refused', 'a mail that was sent cannot be changed', { details: { gone: true } })
    },
    async download({ ref, name, bytes }, bytesMax) {
      if (bytes !== null && bytes > bytesMax)
        throw new Fault('channel_refused', `${name} has more than ${bytesMax} bytes`)
      const [uidValidity = '', uid, index] = ref.split('/')
      const source = await (await mailbox()).fetch(uidValidity, Number(uid))
      const file = source && (await simpleParser(source, { skipTextToHtml: true })).attachments[Number(index)]
      if (!file) throw new Fault('channel_refused', `the mail with ${name} is no longer in the inbox`)
      return file.content
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('the channel is closed'))
      await listening.catch(() => {})
    },
  }
}

/** The libraries have limits of their own and take no signal; what they still do ends by those. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** What the owner should know about whom Claw believes. */
function trustWords(trust: string | null, heads: readonly Buffer[]): string[] {
  if (trust !== null) return [`Senders count as ${trust} says, or by their domain’s signature.`]
  const names = heads
    .map((head) => valuesOf(readHeaders(head), 'authentication-results')[0])
    .filter((one) => one !== undefined)
  const servers = new Set(names.map((value) => readResults(value).server))
  const words = ['Senders count by their domain’s signature (DKIM), which Claw checks.']
  const [only] = servers
  if (servers.size === 1 && only)
    words.push(`If ${only} is your provider’s own server, set trust to it: then more senders count.`)
  return words
}

const NOBODY = new Set(['ENOTFOUND', 'ENODATA', 'NXDOMAIN'])

const systemDns: Dns = {
  resolveSrv,
  async resolveTxt(name) {
    try {
      return (await resolveTxt(name)).map((parts) => parts.join(''))
    } catch (error) {
      if (NOBODY.has((error as NodeJS.ErrnoException).code ?? '')) return []
      throw error
    }
  },
}
