import type { IncomingHttpHeaders } from 'node:http'
import { anthropicWire } from './anthropic-wire.ts'
import { googleWire } from './google-wire.ts'
import { openaiChatWire, openaiResponsesWire } from './openai-wires.ts'
import type { Api, Wire } from './wire.ts'

/** What a request to the gateway is. Pure: from its method, path and headers. */
export interface Call {
  api: Api
  /** generate costs money and is metered; count and models are passed on. */
  kind: 'generate' | 'count' | 'models'
  /** Below the API's version, with a slash in front: `/messages`. */
  path: string
  /** Gemini names the model in the path. */
  model: string | undefined
  /** Gemini streams by path. */
  stream: boolean
}

export const WIRES: Record<Api, Wire> = {
  anthropic: anthropicWire,
  'openai-responses': openaiResponsesWire,
  'openai-chat': openaiChatWire,
  google: googleWire,
}

const POSTS: Record<string, Pick<Call, 'api' | 'kind'>> = {
  '/messages': { api: 'anthropic', kind: 'generate' },
  '/messages/count_tokens': { api: 'anthropic', kind: 'count' },
  '/responses': { api: 'openai-responses', kind: 'generate' },
  '/responses/compact': { api: 'openai-responses', kind: 'generate' },
  '/responses/input_tokens': { api: 'openai-responses', kind: 'count' },
  '/chat/completions': { api: 'openai-chat', kind: 'generate' },
}

export function findCall(method: string, pathname: string, headers: IncomingHttpHeaders): Call | undefined {
  const [, version, path] = /^(?:\/(v1|v1beta|v1alpha))?(\/.+)$/.exec(pathname) ?? []
  if (path === undefined || path.includes('..')) return undefined
  const plain = { path, model: undefined, stream: false }
  if (method === 'POST') {
    const known = POSTS[path]
    if (known) return { ...known, ...plain }
    const [, model, verb] = /^\/models\/([\w.@-]+):(\w+)$/.exec(path) ?? []
    if (verb === 'generateContent' || verb === 'streamGenerateContent') {
      return { api: 'google', kind: 'generate', path, model, stream: verb === 'streamGenerateContent' }
    }
    if (verb === 'countTokens') return { api: 'google', kind: 'count', path, model, stream: false }
    return undefined
  }
  if (method === 'GET' && /^\/models(\/[\w.:@-]+)?$/.test(path)) {
    return { api: apiOf(version, path, headers), kind: 'models', ...plain }
  }
  return undefined
}

/** The API that a caller speaks, as far as it can be seen: an error must be in its words. */
export function apiOf(version: string | undefined, path: string, headers: IncomingHttpHeaders): Api {
  if (version === 'v1beta' || version === 'v1alpha' || headers['x-goog-api-key'] !== undefined) return 'google'
  if (headers['anthropic-version'] !== undefined || path.startsWith('/messages')) return 'anthropic'
  return path.startsWith('/responses') ? 'openai-responses' : 'openai-chat'
}

/** Whose token it is, from the place where each API's clients put it. */
export function readToken(headers: IncomingHttpHeaders, query: URLSearchParams): string | undefined {
  const named = headers['x-api-key'] ?? headers['x-goog-api-key']
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  const token = (Array.isArray(named) ? named[0] : named) ?? bearer ?? query.get('key') ?? undefined
  return token === '' ? undefined : token
}
