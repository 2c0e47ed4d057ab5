import { createRequire } from 'node:module'
import type { PriceConfig } from '../../config/schema.ts'
import type { Tokens } from '../../core/spend.ts'
import type { Upstream } from './upstreams.ts'

/**
 * What tokens cost, in US dollars. The owner's own prices come first, then the price library's, whose
 * data lies in its package: nothing is fetched. Undefined where nobody knows the model.
 */
export type Prices = (
  upstream: Pick<Upstream, 'provider' | 'givenUrl'>,
  model: string,
  tokens: Tokens,
) => number | undefined

const PROVIDER_IDS: Record<Upstream['provider'], string> = {
  anthropic: 'anthropic',
  openai: 'openai',
  'openai-chat': 'openai',
  google: 'google',
}

export function createPrices(own: Readonly<Record<string, PriceConfig>>): Prices {
  // Nearly a megabyte of data: loaded when the first model is priced.
  let library: Library | undefined
  const libraryPrice = (...[model, tokens, where]: PriceQuestion) => {
    library ??= createRequire(import.meta.url)('@pydantic/genai-prices') as Library
    return priceIn(library, model, tokens, where)
  }
  return ({ provider, givenUrl }, model, tokens) => {
    const mine = own[model]
    if (mine) return ownPrice(mine, tokens)
    // A server of another name is looked up by its address; a proxy costs about what the provider does.
    return (
      (givenUrl === null ? undefined : libraryPrice(model, tokens, { providerApiUrl: givenUrl })) ??
      libraryPrice(model, tokens, { providerId: PROVIDER_IDS[provider] })
    )
  }
}

const MILLION = 1_000_000

function ownPrice({ input, output, cachedInput, cacheWrite }: PriceConfig, tokens: Tokens): number {
  const plain = Math.max(0, tokens.inputTokens - tokens.cachedTokens - tokens.cacheWriteTokens)
  return (
    (plain * input +
      tokens.cachedTokens * (cachedInput ?? input) +
      tokens.cacheWriteTokens * (cacheWrite ?? input) +
      tokens.outputTokens * output) /
    MILLION
  )
}

type Library = typeof import('@pydantic/genai-prices')
type PriceQuestion = [model: string, tokens: Tokens, where: { providerId: string } | { providerApiUrl: string }]

function priceIn({ calcPrice }: Library, ...[model, tokens, where]: PriceQuestion): number | undefined {
  const cached = Math.min(tokens.cachedTokens, tokens.inputTokens)
  try {
    const found = calcPrice(
      {
        input_tokens: tokens.inputTokens,
        cache_read_tokens: cached,
        cache_write_tokens: Math.min(tokens.cacheWriteTokens, tokens.inputTokens - cached),
        output_tokens: tokens.outputTokens,
      },
      model,
      where,
    )
    return found && Number.isFinite(found.total_price) ? found.total_price : undefined
  } catch {
    // A model that has no price for one of the kinds of token has none that we could say.
    return undefined
  }
}
