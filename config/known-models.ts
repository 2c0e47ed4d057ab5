import type { ModelConfig } from './schema.ts'

type Provider = ModelConfig['provider']

/** The variables that hold each provider's key, the usual one first. */
export const KEY_VARIABLES = {
  anthropic: ['ANTHROPIC_API_KEY'],
  openai: ['OPENAI_API_KEY'],
  'openai-chat': ['OPENAI_API_KEY'],
  google: ['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'],
} as const satisfies Record<Provider, readonly string[]>

/** Taken when the owner gave a key and named no model. */
export const MODEL_DEFAULTS = {
  anthropic: 'claude-sonnet-5-5',
  openai: 'gpt-6-astra',
  google: 'gemini-pro-latest',
} as const satisfies Partial<Record<Provider, string>>

/** APIs that a provider's servers answer, its own first. */
export const PROVIDER_APIS = {
  anthropic: ['anthropic'],
  openai: ['openai-responses', 'openai-chat'],
  'openai-chat': ['openai-chat'],
  google: ['google'],
} as const satisfies Record<Provider, readonly string[]>
