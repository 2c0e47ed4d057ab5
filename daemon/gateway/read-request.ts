/**
 * What a request asks for and what it can cost. Pure.
 *
 * A token is at least one byte of what was sent, so the bytes are a bound that no tokenizer can pass; what
 * the provider adds (instructions for tools, a conversation that it kept) has a number of its own.
 */
import type { Tokens } from '../../core/spend.ts'
import { type Call, WIRES } from './find-call.ts'
import { modelAt, type Upstream } from './upstreams.ts'
import { at, isObject } from './wire.ts'

export interface ModelCall {
  call: Call
  /** As it was asked for. */
  model: string
  stream: boolean
  /** Null: nothing that we would look into. */
  body: Record<string, unknown> | null
  raw: Buffer
  bound: Tokens
  expected: Tokens
}

const ADDED_TOKENS_MAX = 4_000
const CONTEXT_TOKENS_MAX = 1_000_000
/** The most that a model writes of which nothing was said. */
const OUTPUT_TOKENS_MAX = 128_000
/** What one answer of an agent's usually has. */
const OUTPUT_TOKENS_USUAL = 2_000
const BYTES_PER_TOKEN = 4

/** A complaint where the body cannot be a model call. */
export function readRequest(call: Call, raw: Buffer): ModelCall | { complaint: string } {
  const nothing = { inputTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 }
  if (call.kind === 'models') {
    return { call, model: '', stream: false, body: null, raw, bound: nothing, expected: nothing }
  }
  let body: unknown
  try {
    body = JSON.parse(raw.toString('utf8'))
  } catch (error) {
    return { complaint: `The body is not JSON: ${(error as Error).message}` }
  }
  if (!isObject(body)) return { complaint: 'The body must be a JSON object' }
  const model = call.model ?? body['model']
  if (typeof model !== 'string' || model === '') return { complaint: 'The body names no model' }
  const stream = call.api === 'google' ? call.stream : body['stream'] === true
  if (call.kind === 'count') return { call, model, stream: false, body, raw, bound: nothing, expected: nothing }
  const outputMax = Math.min(WIRES[call.api].readOutputMax(body) ?? OUTPUT_TOKENS_MAX, CONTEXT_TOKENS_MAX)
  const hasMoreThanSent = typeof body['previous_response_id'] === 'string' || (body['conversation'] ?? null) !== null
  const inputMax = hasMoreThanSent ? CONTEXT_TOKENS_MAX : Math.min(raw.length + ADDED_TOKENS_MAX, CONTEXT_TOKENS_MAX)
  return {
    call,
    model,
    stream,
    body,
    raw,
    bound: { ...nothing, inputTokens: inputMax, outputTokens: outputMax },
    expected: {
      ...nothing,
      inputTokens: Math.min(inputMax, tokensIn(raw)),
      outputTokens: Math.min(outputMax, OUTPUT_TOKENS_USUAL),
    },
  }
}

/** A Chat Completions stream says what it used only when it is asked; who did not ask does not get to see it. */
export function mustAskForUsage({ call, stream, body }: ModelCall, upstream: Upstream): boolean {
  if (call.api !== 'openai-chat' || !stream || !upstream.streamUsage) return false
  return at(body, 'stream_options', 'include_usage') !== true
}

/** The request as the upstream gets it: byte for byte as it came, unless a model has another name there. */
export function outgoing(request: ModelCall, upstream: Upstream): { path: string; body: Buffer } {
  const { call, body, raw, model } = request
  const there = modelAt(upstream, model)
  const path = call.model === undefined ? call.path : call.path.replace(call.model, encodeURIComponent(there))
  if (body === null) return { path, body: raw }
  const renames = call.model === undefined && there !== model
  const asks = mustAskForUsage(request, upstream)
  if (!renames && !asks) return { path, body: raw }
  const options = isObject(body['stream_options']) ? body['stream_options'] : {}
  const changed = {
    ...body,
    ...(renames ? { model: there } : {}),
    ...(asks ? { stream_options: { ...options, include_usage: true } } : {}),
  }
  return { path, body: Buffer.from(JSON.stringify(changed)) }
}

/** About how many tokens a text comes to. */
export function tokensIn(text: string | Buffer): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}
