import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Upstream } from './upstreams.ts'

/** Which headers pass, in either direction. Pure. */

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]
/** Keys of any API (the caller's is ours), what names the caller's machine, and what we say ourselves. */
const NOT_TO_PROVIDER = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'accept-encoding',
  'expect',
  'cookie',
  'authorization',
  'x-api-key',
  'x-goog-api-key',
  'openai-organization',
  'openai-project',
  'forwarded',
])
/** Cookies and names of the owner's account are nothing for an agent. */
const NOT_TO_CALLER = new Set([
  ...HOP_BY_HOP,
  'set-cookie',
  'openai-organization',
  'openai-project',
  'anthropic-organization-id',
])

export function toProvider(
  headers: IncomingHttpHeaders,
  { provider }: Pick<Upstream, 'provider'>,
  key: string,
  length: number,
): OutgoingHttpHeaders {
  const sent: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !NOT_TO_PROVIDER.has(name) && !name.startsWith('x-forwarded-')) sent[name] = value
  }
  // Compressed answers could not be read in passing.
  sent['accept-encoding'] = 'identity'
  if (length > 0) sent['content-length'] = length
  if (provider === 'anthropic') sent['x-api-key'] = key
  else if (provider === 'google') sent['x-goog-api-key'] = key
  else sent['authorization'] = `Bearer ${key}`
  return sent
}

export function toCaller(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const sent: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !NOT_TO_CALLER.has(name)) sent[name] = value
  }
  return sent
}

/** One value per name. */
export function flat(headers: IncomingHttpHeaders): Record<string, string> {
  const one: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) one[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return one
}
