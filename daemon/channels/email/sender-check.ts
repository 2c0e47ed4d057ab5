/**
 * Who really sent a mail. The `From` of a mail is whatever its writer liked; it counts only where somebody who knows
 * vouches for it: the mailbox's own server, by the `Authentication-Results` (RFC 8601) that it put on top, or the
 * sender's domain, by a signature that is checked here.
 *
 * A name of a server is believed only where the owner or the table of providers gave it, and only the topmost such
 * field: what stands below may have come with the mail.
 */
import { type ResolveTxt, verifyDkim } from './dkim.ts'
import { type RawHeader, type RawMail, valuesOf } from './raw-mail.ts'

export interface SenderCheck {
  isVerified: boolean
  /** For the log, and for the owner who wonders why a mail was not taken. */
  why: string
  /** A domain could not be asked for its key; later it may answer. */
  isUnsure: boolean
}

export interface CheckDeps {
  /** The name of the server whose results are believed. */
  trust: string | null
  resolveTxt: ResolveTxt
  now(): number
}

export async function checkSender(
  mail: RawMail,
  from: string,
  to: readonly string[],
  deps: CheckDeps,
): Promise<SenderCheck> {
  const no = (why: string, isUnsure = false): SenderCheck => ({ isVerified: false, why, isUnsure })
  const yes = (why: string): SenderCheck => ({ isVerified: true, why, isUnsure: false })
  if (valuesOf(mail.headers, 'from').length !== 1) return no('it has not exactly one From')
  const domain = domainOf(from)
  if (deps.trust !== null) {
    const results = resultsOf(mail.headers, deps.trust)
    if (results) {
      const found = vouched(results, from, domain)
      return found ? yes(`${deps.trust} says ${found}`) : no(`${deps.trust} does not vouch for ${from}`)
    }
  }
  const { good, isUnsure } = await verifyDkim(mail, deps.resolveTxt, deps.now())
  const aligned = good.find((signature) => isAligned(signature.domain, domain))
  if (!aligned) return no(`no signature of ${domain} that is right`, isUnsure)
  // Without these a mail that somebody else once got could be sent to us again as a new one.
  const open = ['to', 'date', 'message-id'].filter((name) => !aligned.covers.has(name))
  if (open.length > 0) return no(`the signature of ${domain} leaves ${open.join(', ')} open; see channels.NAME.trust`)
  if (to.length === 0) return no('it is not addressed to us')
  return yes(`signed by ${aligned.domain}`)
}

export interface AuthResult {
  method: string
  result: string
  properties: ReadonlyMap<string, string>
}

/** The topmost field of that server. Undefined: there is none. */
export function resultsOf(headers: readonly RawHeader[], server: string): AuthResult[] | undefined {
  for (const value of valuesOf(headers, 'authentication-results')) {
    const { server: by, results } = readResults(value)
    if (by === server.toLowerCase()) return results
  }
  return undefined
}

export function readResults(value: string): { server: string; results: AuthResult[] } {
  const [first = '', ...rest] = withoutComments(value).split(';')
  const server = (first.trim().split(/\s+/)[0] ?? '').toLowerCase()
  const results = rest.flatMap((part) => {
    const words = part.trim().split(/\s+/)
    const [method, result] = splitAt(words[0] ?? '')
    if (!method || !result) return []
    const properties = new Map(words.slice(1).map((word) => splitAt(word) as [string, string]))
    return [{ method: method.replace(/\/.*$/, ''), result, properties }]
  })
  return { server, results }
}

function vouched(results: readonly AuthResult[], from: string, domain: string): string | undefined {
  for (const { method, result, properties } of results) {
    if (result !== 'pass') continue
    if (method === 'dmarc' && (properties.get('header.from') ?? domain) === domain) return 'dmarc=pass'
    const signer = properties.get('header.d') ?? properties.get('header.i')?.replace(/^.*@/, '')
    if (method === 'dkim' && signer && isAligned(signer, domain)) return `dkim=pass for ${signer}`
    // Who logged in to send it, on the same server as ours.
    if (method === 'auth' && properties.get('smtp.auth') === from) return `${from} logged in there`
  }
  return undefined
}

/** The domain itself, or one that it belongs to. */
function isAligned(signer: string, domain: string): boolean {
  const by = signer.toLowerCase()
  return domain === by || (by.includes('.') && domain.endsWith(`.${by}`))
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase()
}

/** `(…)`, which may hold others and what looks like a result. */
function withoutComments(text: string): string {
  let depth = 0
  let plain = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === '\\' && depth > 0) at++
    else if (char === '(') depth++
    else if (char === ')') depth = Math.max(0, depth - 1)
    else if (depth === 0) plain += char
  }
  return plain.replaceAll('"', '')
}

function splitAt(word: string): [string, string] {
  const at = word.indexOf('=')
  return at < 0 ? [word.toLowerCase(), ''] : [word.slice(0, at).toLowerCase(), word.slice(at + 1).toLowerCase()]
}
