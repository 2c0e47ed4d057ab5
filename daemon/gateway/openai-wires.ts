import { at, countAt, isObject, type Refusal, type Wire } from './wire.ts'

const CODES: Record<Refusal['kind'], { type: string; code: string | null }> = {
  token: { type: 'invalid_request_error', code: 'invalid_api_key' },
  request: { type: 'invalid_request_error', code: null },
  'too-large': { type: 'invalid_request_error', code: 'request_too_large' },
  route: { type: 'invalid_request_error', code: 'unknown_url' },
  limit: { type: 'invalid_request_error', code: 'out_of_budget' },
  paused: { type: 'requests', code: 'rate_limit_exceeded' },
  down: { type: 'server_error', code: null },
  key: { type: 'invalid_request_error', code: null },
}

const error = ({ kind, message }: Refusal) => ({ error: { message, param: null, ...CODES[kind] } })

/** Responses: usage stands in the answer, and in the last event under `response`. */
export const openaiResponsesWire: Wire = {
  readUsage(message) {
    const usage = at(message, 'response', 'usage') ?? at(message, 'usage')
    if (!isObject(usage)) return undefined
    return {
      inputTokens: countAt(usage, 'input_tokens'),
      cachedTokens: countAt(usage, 'input_tokens_details', 'cached_tokens'),
      cacheWriteTokens: countAt(usage, 'input_tokens_details', 'cache_write_tokens'),
      outputTokens: countAt(usage, 'output_tokens'),
      reasoningTokens: countAt(usage, 'output_tokens_details', 'reasoning_tokens'),
    }
  },
  isLast: () => true,
  readOutputMax: (body) => countAt(body, 'max_output_tokens') || undefined,
  error,
}

/** Chat Completions, and the many servers that resemble it: usage stands in the answer or in a last chunk. */
export const openaiChatWire: Wire = {
  readUsage(message) {
    const usage = at(message, 'usage')
    if (!isObject(usage)) return undefined
    return {
      inputTokens: countAt(usage, 'prompt_tokens'),
      cachedTokens:
        countAt(usage, 'prompt_tokens_details', 'cached_tokens') || countAt(usage, 'prompt_cache_hit_tokens'),
      cacheWriteTokens: countAt(usage, 'prompt_tokens_details', 'cache_write_tokens'),
      outputTokens: countAt(usage, 'completion_tokens'),
      reasoningTokens: countAt(usage, 'completion_tokens_details', 'reasoning_tokens'),
    }
  },
  // Some servers count along in every chunk; the last one has nothing more to say, or says why it stopped.
  isLast(message) {
    const choices = at(message, 'choices')
    return !Array.isArray(choices) || choices.every((choice) => (at(choice, 'finish_reason') ?? null) !== null)
  },
  readOutputMax(body) {
    const max = countAt(body, 'max_completion_tokens') || countAt(body, 'max_tokens')
    return max === 0 ? undefined : max * Math.max(1, countAt(body, 'n'))
  },
  error,
}
