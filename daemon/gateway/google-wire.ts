import { at, countAt, isObject, type Refusal, type Wire } from './wire.ts'

const STATUSES: Record<Refusal['kind'], string> = {
  token: 'UNAUTHENTICATED',
  request: 'INVALID_ARGUMENT',
  'too-large': 'INVALID_ARGUMENT',
  route: 'NOT_FOUND',
  limit: 'FAILED_PRECONDITION',
  paused: 'RESOURCE_EXHAUSTED',
  down: 'UNAVAILABLE',
  key: 'PERMISSION_DENIED',
}

/** Gemini: usage stands in the answer and in every chunk, the last one counts. Thoughts are counted beside the answer. */
export const googleWire: Wire = {
  readUsage(message) {
    const usage = at(message, 'usageMetadata')
    if (!isObject(usage)) return undefined
    const reasoningTokens = countAt(usage, 'thoughtsTokenCount')
    return {
      inputTokens: countAt(usage, 'promptTokenCount') + countAt(usage, 'toolUsePromptTokenCount'),
      cachedTokens: countAt(usage, 'cachedContentTokenCount'),
      cacheWriteTokens: 0,
      outputTokens: countAt(usage, 'candidatesTokenCount') + reasoningTokens,
      reasoningTokens,
    }
  },
  isLast(message) {
    const candidates = at(message, 'candidates')
    return !Array.isArray(candidates) || candidates.some((candidate) => at(candidate, 'finishReason') !== undefined)
  },
  readOutputMax(body) {
    const config = at(body, 'generationConfig') ?? at(body, 'generation_config')
    const max = countAt(config, 'maxOutputTokens') || countAt(config, 'max_output_tokens')
    return max === 0 ? undefined : max * Math.max(1, countAt(config, 'candidateCount'))
  },
  error: ({ status, kind, message, retryAfterMs }) => ({
    error: {
      code: status,
      message,
      status: STATUSES[kind],
      ...(retryAfterMs === undefined
        ? {}
        : {
            details: [
              { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${Math.ceil(retryAfterMs / 1000)}s` },
            ],
          }),
    },
  }),
}
