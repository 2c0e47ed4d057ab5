/**
 * Finds keys by their shape, for secrets that nobody told Claw about. Hostile text costs no more than its length:
 * no pattern looks ahead without a bound.
 */

/** What a line gives away: the kind and where in the line. The value itself never leaves this file. */
export interface SecretFound {
  kind: string
  /** Certain ones are a vendor's own shape; the others only look random. */
  certain: boolean
}

/** Shapes that vendors document for their keys. A match is a key or somebody's idea of one. */
const VENDORS: readonly (readonly [string, RegExp])[] = [
  ['an AWS access key', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})\b/],
  ['a GitLab token', /\bgl(?:pat|dt|rt|ft|soat|cbt|ptt)-[A-Za-z0-9_-]{20,}/],
  ['an Anthropic key', /\bsk-ant-[A-Za-z0-9_-]{24,}/],
  ['an OpenAI key', /\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}/],
  ['a Google key', /\bAIza[0-9A-Za-z_-]{35}\b/],
  ['a Google OAuth token', /\bya29\.[0-9A-Za-z_-]{30,}/],
  ['a Slack token', /\bxox[abeprs]-[A-Za-z0-9-]{16,}|\bxapp-\d-[A-Za-z0-9-]{20,}/],
  ['a Slack webhook', /hooks\.slack\.com\/services\/T[A-Za-z0-9]{6,}\/B[A-Za-z0-9]{6,}\/[A-Za-z0-9]{16,}/],
  ['a Stripe key', /\b[rs]k_live_[A-Za-z0-9]{20,}/],
  ['a Telegram bot token', /\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b/],
  ['a Discord token', /\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}/],
  ['an npm token', /\bnpm_[A-Za-z0-9]{36}\b/],
  ['a PyPI token', /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,}/],
  ['a Hugging Face token', /\bhf_[A-Za-z0-9]{30,}\b/],
  ['a SendGrid key', /\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,}/],
  ['a DigitalOcean token', /\bdo[opr]_v1_[a-f0-9]{64}\b/],
  ['a private key', /-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP )?PRIVATE KEY(?: BLOCK)?-----/],
  ['an age key', /\bAGE-SECRET-KEY-1[0-9A-Z]{50,}/],
  ['a JSON web token', /\beyJ[A-Za-z0-9_-]{15,1000}\.eyJ[A-Za-z0-9_-]{15,1000}\.[A-Za-z0-9_-]{20,}/],
  ['a password in a URL', /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@'"<>${}]{1,64}:[^\s/:@'"<>${}*]{6,200}@[\w.-]+/i],
]

const ASSIGNED =
  /(?:secret|token|passw(?:or)?d|pwd|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|credential|auth)[\w-]{0,60}["']?\s{0,20}(?::=|=>|[:=])\s{0,20}(["'`]?)([A-Za-z0-9+/_=.~-]{16,200})\1/i

const PLACEHOLDER =
  /example|dummy|fake|placeholder|changeme|change-me|your[_-]|xxxx|\.\.\.|<[^>]+>|\*{3}|0123456789|test[_-]?(key|token|secret)|redacted|sample|not-?a-?(real-?)?(secret|key|token)/i

/** Pure. Undefined where nothing looks like a secret. */
export function secretIn(line: string): SecretFound | undefined {
  for (const [kind, pattern] of VENDORS) {
    const match = pattern.exec(line)
    if (match && !PLACEHOLDER.test(match[0])) return { kind, certain: true }
  }
  const assigned = ASSIGNED.exec(line)
  const value = assigned?.[2]
  if (value === undefined || PLACEHOLDER.test(line)) return undefined
  if (!assigned?.[1] && !/^\s*[\w."'-]+\s*[:=]/.test(line)) return undefined
  return looksRandom(value) ? { kind: 'a value that looks like a secret', certain: false } : undefined
}

/** Whether a text holds a key of a vendor's shape, on whatever line. */
export function holdsKey(text: string): boolean {
  return VENDORS.some(([, pattern]) => {
    for (const [match] of text.matchAll(everywhere(pattern))) if (!PLACEHOLDER.test(match)) return true
    return false
  })
}

/** The text without keys of a vendor's shape; of a private key all that follows its first line until its last. */
export function withoutKeys(text: string): string {
  let rest = text.replace(PRIVATE_KEY, HIDDEN)
  for (const [, pattern] of VENDORS)
    rest = rest.replace(everywhere(pattern), (match) => (PLACEHOLDER.test(match) ? match : HIDDEN))
  return rest
}

const HIDDEN = '[secret]'
const PRIVATE_KEY =
  /-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----[^-]{0,20000}(?:-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----)?/g

function everywhere(pattern: RegExp): RegExp {
  return new RegExp(pattern, `${pattern.flags}g`)
}

/** Words, paths and identifiers repeat letters and stay in one case; keys do not. */
function looksRandom(value: string): boolean {
  const digits = /\d/.test(value)
  if (/^[0-9a-f]+$/i.test(value)) return value.length >= 32 && entropy(value) > 3
  if (!digits || !/[a-z]/i.test(value) || /^[a-z0-9]+([._/-][a-z0-9]+)+$/.test(value)) return false
  return value.length >= 20 && entropy(value) > 3.7
}

/** Bits per character (Shannon). */
function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}
