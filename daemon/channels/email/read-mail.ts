/** A mail, as an event of ours, or why it is none. Pure, but for the check of its sender. */
import { createHash } from 'node:crypto'
import type { AddressObject, ParsedMail } from 'mailparser'
import type { InboundFile, MessageEvent } from '../channel.ts'
import { forwardedFrom, withoutQuote } from './quoted.ts'
import { type RawHeader, type RawMail, valuesOf } from './raw-mail.ts'
import type { SenderCheck } from './sender-check.ts'
import { tokenIn, tokenOf, withToken } from './token.ts'

export interface MailPlace {
  uidValidity: string
  uid: number
  at: number
}

export interface Reader {
  /** Our own address, lower case. */
  address: string
  check(mail: RawMail, from: string, to: readonly string[]): Promise<SenderCheck>
}

export type Read =
  | { event: MessageEvent; thread: MailThread; check: SenderCheck }
  | { ignored: string; from: string | undefined }

/** What an answer needs to be shown under the mail that it answers. */
export interface MailThread {
  messageId: string
  subject: string
  references: string[]
}

/** Of a mail that nobody vouches for no more than this is kept, for the record. */
const UNVERIFIED_MAX = 200
const REFERENCES_MAX = 20

/** What programs send and no person: answering to it would lead to answers without end. */
export function whyAutomatic(headers: readonly RawHeader[], from: string): string | undefined {
  const value = (name: string) => valuesOf(headers, name)[0]?.toLowerCase()
  const submitted = value('auto-submitted')
  if (submitted !== undefined && !/^no\b/.test(submitted)) return `Auto-Submitted: ${submitted.slice(0, 40)}`
  if (/\b(bulk|junk|list|auto_reply)\b/.test(value('precedence') ?? '')) return 'Precedence says bulk'
  for (const name of ['list-id', 'list-unsubscribe', 'x-autoreply', 'x-autorespond', 'x-claw']) {
    if (value(name) !== undefined) return `${name} is there`
  }
  if (value('return-path')?.replaceAll(/\s/g, '') === '<>') return 'a bounce (empty Return-Path)'
  const type = value('content-type') ?? ''
  if (/multipart\/report|message\/(delivery-status|disposition-notification)/.test(type)) return 'a report'
  if (/^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+@-]|$)/i.test(from)) return `it is from ${from}`
  return undefined
}

export async function readMail(raw: RawMail, parsed: ParsedMail, place: MailPlace, reader: Reader): Promise<Read> {
  const senders = addressesOf(parsed.from)
  const from = senders[0]?.address
  if (!from || senders.length !== 1) return { ignored: 'it has not exactly one sender', from }
  if (from === reader.address) return { ignored: 'it is our own', from }
  const automatic = whyAutomatic(raw.headers, from)
  if (automatic) return { ignored: automatic, from }
  const to = [...addressesOf(parsed.to), ...addressesOf(parsed.cc)]
    .map(({ address }) => address)
    .filter((address) => address === reader.address)
  const check = await reader.check(raw, from, to)
  const messageId = parsed.messageId ?? `<${hashOf(raw.headers.map(({ raw: field }) => field).join('\n'))}@nowhere>`
  const references = [parsed.references ?? []].flat().slice(-REFERENCES_MAX)
  const subject = (parsed.subject ?? '').trim()
  const written = parsed.text ?? ''
  const passedOn = forwardedFrom(written)
  const text = passedOn === null ? wordsOf(subject, withoutQuote(written, reader.address)) : written.trim()
  // Somebody who only claims to be Ann is not Ann, and talks in no conversation of hers.
  const id = check.isVerified ? from : `?${from}`
  return {
    check,
    thread: { messageId, subject, references: [...references, messageId] },
    event: {
      type: 'message',
      eventId: `mail:${hashOf([messageId, from, String(check.isVerified), parsed.date?.toISOString() ?? ''].join('\n'))}`,
      chat: { id, kind: 'direct' },
      sender: { id, name: senders[0]!.name || from, isVerified: check.isVerified },
      at: place.at,
      messageId,
      text: check.isVerified ? text : text.slice(0, UNVERIFIED_MAX),
      files: check.isVerified ? filesOf(parsed, place) : [],
      isForUs: true,
      replyTo: answeredBy(parsed, subject, reader.address),
      forwardedFrom: passedOn,
    },
  }
}

/** The mail of ours that it answers: by the id in its head, else by the token in its subject. */
function answeredBy({ inReplyTo, references }: ParsedMail, subject: string, address: string): string | null {
  const named = [...[references ?? []].flat(), inReplyTo ?? ''].filter((id) => tokenOf(id, address) !== undefined)
  const last = inReplyTo && tokenOf(inReplyTo, address) ? inReplyTo : named.at(-1)
  if (last) return last
  const token = tokenIn(subject)
  return token === undefined ? (inReplyTo ?? null) : withToken(token, address)
}

/** The subject of a first mail belongs to what it says; a command is a command wherever it stands. */
function wordsOf(subject: string, body: string): string {
  const isAnswer = /^\s*\p{L}{2,4}(\[\d+\])?\s*:/u.test(subject) || tokenIn(subject) !== undefined
  if (body === '') return isAnswer ? '' : subject
  return isAnswer || subject === '' || /^[/!]/.test(body) ? body : `${subject}\n\n${body}`
}

function filesOf({ attachments }: ParsedMail, { uidValidity, uid }: MailPlace): InboundFile[] {
  return attachments.flatMap(({ filename, contentType, content, related }, index) => {
    // Pictures inside of a signature are no files for anybody.
    if (related) return []
    const kind = contentType.startsWith('audio/') && /voice|memo|aufnahme|recording/i.test(filename ?? '')
    return [
      {
        ref: `${uidValidity}/${uid}/${index}`,
        name: filename ?? `file-${index + 1}`,
        mime: contentType,
        bytes: content.byteLength,
        kind: kind ? 'voice' : 'file',
      } satisfies InboundFile,
    ]
  })
}

export function addressesOf(field: AddressObject | AddressObject[] | undefined): { address: string; name: string }[] {
  return [field ?? []].flat().flatMap(({ value }) =>
    value.flatMap(({ address, name, group }) => {
      if (group)
        return group.flatMap((one) => (one.address ? [{ address: one.address.toLowerCase(), name: one.name }] : []))
      return address ? [{ address: address.toLowerCase(), name }] : []
    }),
  )
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 32)
}
