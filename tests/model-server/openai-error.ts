/** The error body that both of OpenAI's APIs share. */
export function openaiError(status: number, message: string): unknown {
  return { error: { message, type: TYPES[status] ?? 'server_error', param: null, code: CODES[status] ?? null } }
}

const TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'invalid_request_error',
  404: 'invalid_request_error',
  429: 'rate_limit_error',
}

const CODES: Record<number, string> = { 401: 'invalid_api_key', 429: 'rate_limit_exceeded' }
