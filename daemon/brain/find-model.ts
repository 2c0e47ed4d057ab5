/**
 * Which model, where, and with which key. Keys are looked up by reference in what is handed in.
 *
 * Used for the brain and for the agents that take a model, so that both read the same config alike.
 */
import { KEY_VARIABLES, MODEL_DEFAULTS } from '../../config/known-models.ts'
import type { ModelConfig } from '../../config/schema.ts'
import type { Secrets } from '../secrets/secrets.ts'
import type { ModelBrainConfig } from './brain-wire.ts'

export type FindSecret = Pick<Secrets, 'find'>

export type ModelFound = { model: ModelBrainConfig } | { missing: string }

/** The model that the config names; null: the first provider whose key is in the environment. */
export function findModel(wanted: ModelConfig | null, secrets: FindSecret): ModelFound {
  if (wanted) return findNamed(wanted, secrets)
  for (const provider of ['anthropic', 'openai', 'google'] as const) {
    const key = findInEnv(KEY_VARIABLES[provider], secrets)
    if (key !== undefined) return { model: { provider, model: MODEL_DEFAULTS[provider], key } }
  }
  return { missing: 'no model is configured, and no key of a known provider is in the environment' }
}

function findNamed(wanted: ModelConfig, secrets: FindSecret): ModelFound {
  const key = findKey(wanted, secrets)
  if (typeof key !== 'string') return key
  const { provider, model, baseUrl } = wanted
  return { model: { provider, model, key, ...(baseUrl !== null && { baseUrl: baseUrl.replace(/\/+$/, '') }) } }
}

/** The key that a config refers to, as it is now; else what is missing, in words. */
export function findKey(
  { key, provider, baseUrl }: Pick<ModelConfig, 'key' | 'provider' | 'baseUrl'>,
  secrets: FindSecret,
): string | { missing: string } {
  if (key === null) {
    const names = KEY_VARIABLES[provider]
    const found = findInEnv(names, secrets)
    // A server of the owner's own often wants no key; the SDKs do.
    if (found === undefined && baseUrl !== null) return 'none'
    return found ?? { missing: `the model ${provider} is configured, and ${names[0]} is not set` }
  }
  return secrets.find(key)
}

function findInEnv(names: readonly string[], secrets: FindSecret): string | undefined {
  return names.map((name) => secrets.find(`env:${name}`)).find((value) => typeof value === 'string')
}
