import { at, countAt, isObject, type Refusal, type Wire } from './wire.ts'

const TYPES: Record<Refusal['kind'], string> = {
  token: 'authentication_error',
  request: 'invalid_request_error',
  'too-large': 'request_too_large',
  route: 'not_found_error',
  limit: 'invalid_request_error',
  paused: 'rate_limit_error',
  down: 'api_error',
  key: 'permission_error',
}

/** Messages: usage stands in the answer, in `message_start`, and grows in each `message_delta`. */
export const anthropicWire: Wire = {
  readUsage(message, before) {
    const usage = at(message, 'message', 'usage') ?? at(message, 'usage')
    if (!isObject(usage)) return undefined
    // A delta may repeat only the output; what it leaves out is as it was.
    const has = 'input_tokens' in usage && usage['input_tokens'] !== null
    const cachedTokens = has ? countAt(usage, 'cache_read_input_tokens') : (before?.cachedTokens ?? 0)
    const cacheWriteTokens = has ? countAt(usage, 'cache_creation_input_tokens') : (before?.cacheWriteTokens ?? 0)
    return {
      inputTokens: has ? countAt(usage, 'input_tokens') + cachedTokens + cacheWriteTokens : (before?.inputTokens ?? 0),
      cachedTokens,
      cacheWriteTokens,
      outputTokens: Math.max(countAt(usage, 'output_tokens'), before?.outputTokens ?? 0),
      reasoningTokens: countAt(usage, 'output_tokens_details', 'thinking_tokens'),
    }
  },
  isLast: (message) => at(message, 'type') !== 'message_start' && at(message, 'delta', 'stop_reason') !== null,
  readOutputMax: (body) => countAt(body, 'max_tokens') || undefined,
  error: ({ kind, message }) => ({ type: 'error', error: { type: TYPES[kind], message } }),
}
