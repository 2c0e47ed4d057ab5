import type { Answer, Script } from '../model-server/exchange.ts'
import { type ModelServer, startModelServer } from '../model-server/model-server.ts'

/**
 * A provider that answers, and now and then limits whoever asks: 429 with and without its time, 529, a usage
 * window. Each answer it gives counts a number of tokens of its own, so that every entry of a ledger can be
 * told from every other.
 */
export interface Provider extends AsyncDisposable {
  readonly url: string
  /** Input tokens of each answer that it has begun to give. */
  readonly served: readonly number[]
  readonly limited: number
}

/** Answers of different sizes, never one twice. */
const FIRST_TOKENS = 1_000
const OUTPUT_TOKENS = 7

export async function startProvider(random: () => number, limitsPercent: number): Promise<Provider> {
  const served: number[] = []
  let limited = 0
  const script: Script = () => {
    if (random() * 100 < limitsPercent) {
      limited++
      return limitOf(random())
    }
    const inputTokens = FIRST_TOKENS + served.length
    served.push(inputTokens)
    return {
      say: 'Yes.',
      delayMs: Math.round(20 + random() * 300),
      usage: { inputTokens, cachedTokens: 0, outputTokens: OUTPUT_TOKENS },
    }
  }
  const server: ModelServer = await startModelServer({ script })
  return {
    url: server.url,
    served,
    get limited() {
      return limited
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

function limitOf(which: number): Answer {
  const message = (text: string) => ({ error: { message: text } })
  if (which < 0.3) return { error: { status: 429, retryAfter: 1, body: message('Rate limit reached') } }
  if (which < 0.5) return { error: { status: 429, body: message('Too many requests') } }
  if (which < 0.8) return { error: { status: 529, body: message('Overloaded') } }
  return { error: { status: 429, retryAfter: 4, body: message('You have reached your usage limit for this window') } }
}
