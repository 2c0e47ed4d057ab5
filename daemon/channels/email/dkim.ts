/**
 * Whether a mail was signed by a domain (DKIM, RFC 6376 and RFC 8463): the signature is checked here, with the key
 * that the domain publishes, so that nobody on the way has to be believed.
 *
 * Stricter than the RFC where a signature would let words be added or changed: a length of the body (`l=`), a key in
 * testing, SHA-1, and a signature that does not cover the sender count as none.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { RawHeader, RawMail } from './raw-mail.ts'

export interface DkimSignature {
  /** Lower case. */
  domain: string
  /** The names of the header fields that it covers, lower case. */
  covers: ReadonlySet<string>
}

/** TXT records of a name: an empty list where there are none. Rejects where nobody could be asked. */
export type ResolveTxt = (name: string) => Promise<string[]>

const SIGNATURES_MAX = 5
const KEY_BITS_MIN = 1_024

/** The signatures that are right, and whether a domain could not be asked. */
export async function verifyDkim(
  mail: RawMail,
  resolveTxt: ResolveTxt,
  now: number,
): Promise<{ good: DkimSignature[]; isUnsure: boolean }> {
  const good: DkimSignature[] = []
  let isUnsure = false
  const signatures = mail.headers.filter(({ name }) => name === 'dkim-signature').slice(0, SIGNATURES_MAX)
  for (const header of signatures) {
    const tags = readTags(header.value)
    const plan = planOf(tags, now)
    if (!plan || bodyHash(mail.body, plan.body, plan.hash) !== tags.get('bh')?.replaceAll(/\s/g, '')) continue
    let records: string[]
    try {
      records = await resolveTxt(`${plan.selector}._domainkey.${plan.domain}`)
    } catch {
      isUnsure = true
      continue
    }
    const key = keyOf(records, plan.algorithm)
    if (!key) continue
    const data = Buffer.from(signedHeaders(mail.headers, header, plan), 'latin1')
    if (isSigned(plan, key, data)) good.push({ domain: plan.domain, covers: new Set(plan.covers) })
  }
  return { good, isUnsure }
}

interface Plan {
  algorithm: 'rsa' | 'ed25519'
  hash: 'sha256'
  head: 'simple' | 'relaxed'
  body: 'simple' | 'relaxed'
  domain: string
  selector: string
  covers: string[]
  signature: Buffer
}

function planOf(tags: ReadonlyMap<string, string>, now: number): Plan | undefined {
  const [algorithm, hash] = (tags.get('a') ?? '').toLowerCase().split('-')
  const [head = 'simple', body = 'simple'] = (tags.get('c') ?? 'simple').toLowerCase().split('/')
  const domain = tags.get('d')?.toLowerCase() ?? ''
  const selector = tags.get('s') ?? ''
  const covers = (tags.get('h') ?? '')
    .toLowerCase()
    .split(':')
    .map((name) => name.trim())
  const expires = Number(tags.get('x') ?? Number.POSITIVE_INFINITY)
  const isForm = (value: string): value is 'simple' | 'relaxed' => value === 'simple' || value === 'relaxed'
  if (tags.get('v') !== '1' || hash !== 'sha256' || (algorithm !== 'rsa' && algorithm !== 'ed25519')) return undefined
  if (!isForm(head) || !isForm(body) || tags.has('l') || !covers.includes('from')) return undefined
  if (!/^[a-z0-9.-]{3,253}$/.test(domain) || !/^[A-Za-z0-9._-]{1,200}$/.test(selector)) return undefined
  if (!(expires * 1_000 > now)) return undefined
  const signature = Buffer.from((tags.get('b') ?? '').replaceAll(/\s/g, ''), 'base64')
  return { algorithm, hash, head, body, domain, selector, covers, signature }
}

export function readTags(text: string): Map<string, string> {
  const tags = new Map<string, string>()
  for (const part of text.split(';')) {
    const at = part.indexOf('=')
    if (at > 0) tags.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim())
  }
  return tags
}

function bodyHash(body: Buffer, form: Plan['body'], hash: string): string {
  let text = body.toString('latin1')
  if (form === 'relaxed')
    text = text
      .replaceAll(/[ \t]+/g, ' ')
      .replaceAll(/ (?=\r\n)/g, '')
      .replace(/ $/, '')
  text = withoutEmptyEnd(text)
  if (text !== '' || form === 'simple') text += '\r\n'
  return createHash(hash).update(Buffer.from(text, 'latin1')).digest('base64')
}

function withoutEmptyEnd(text: string): string {
  let end = text.length
  while (end >= 2 && text[end - 1] === '\n' && text[end - 2] === '\r') end -= 2
  return text.slice(0, end)
}

/** Of fields that are there more than once, the lowest is taken first; one that is not there is nothing. */
function signedHeaders(headers: readonly RawHeader[], own: RawHeader, plan: Plan): string {
  const left = new Map<string, RawHeader[]>()
  for (const header of headers) {
    if (header !== own) left.set(header.name, [...(left.get(header.name) ?? []), header])
  }
  const lines: string[] = []
  for (const name of plan.covers) {
    const header = left.get(name)?.pop()
    if (header) lines.push(`${canonical(header.raw, plan.head)}\r\n`)
  }
  const unsigned = own.raw.replace(/([;:\s])(b\s*=)[^;]*/i, '$1$2')
  return `${lines.join('')}${canonical(unsigned, plan.head)}`
}

function canonical(raw: string, form: Plan['head']): string {
  if (form === 'simple') return raw
  const at = raw.indexOf(':')
  const value = raw
    .slice(at + 1)
    .replaceAll('\r\n', '')
    .replaceAll(/[ \t]+/g, ' ')
    .trim()
  return `${raw.slice(0, at).trim().toLowerCase()}:${value}`
}

function keyOf(records: readonly string[], algorithm: Plan['algorithm']): KeyObject | undefined {
  for (const record of records) {
    const tags = readTags(record)
    const data = Buffer.from((tags.get('p') ?? '').replaceAll(/\s/g, ''), 'base64')
    const flags = (tags.get('t') ?? '').split(':').map((flag) => flag.trim())
    const isDkim = tags.get('v') === undefined || tags.get('v') === 'DKIM1'
    if (!isDkim || data.length === 0 || flags.includes('y') || (tags.get('k') ?? 'rsa') !== algorithm) continue
    const hashes = tags.get('h')?.split(':')
    if (hashes && !hashes.some((hash) => hash.trim() === 'sha256')) continue
    try {
      const key =
        algorithm === 'rsa'
          ? createPublicKey({ key: data, format: 'der', type: 'spki' })
          : createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: data.toString('base64url') }, format: 'jwk' })
      if (algorithm === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < KEY_BITS_MIN) continue
      return key
    } catch {
      // A record that is no key is none.
    }
  }
  return undefined
}

function isSigned({ algorithm, hash, signature }: Plan, key: KeyObject, data: Buffer): boolean {
  if (algorithm === 'rsa') return verify(hash, data, key, signature)
  return verify(null, createHash(hash).update(data).digest(), key, signature)
}
