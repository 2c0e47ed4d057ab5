import { KEY_VARIABLES } from '../../config/known-models.ts'
import type { ModelConfig } from '../../config/schema.ts'
import { type FindSecret, findModel } from '../brain/find-model.ts'
import type { ModelAccess } from './agent.ts'

const BASE_URLS = {
  anthropic: 'https://api.anthropic.com',
  openai: 'https://api.openai.com/v1',
  'openai-chat': 'https://api.openai.com/v1',
  google: 'https://generativelanguage.googleapis.com',
} as const satisfies Record<ModelConfig['provider'], string>

/** APIs under which the same model of a provider can be reached, the provider's own first. */
const APIS = {
  anthropic: ['anthropic'],
  openai: ['openai-responses', 'openai-chat'],
  'openai-chat': ['openai-chat'],
  google: ['google'],
} as const satisfies Record<ModelConfig['provider'], readonly ModelAccess['api'][]>

/** Every way in which a model can be reached here: the configured one, or one per key in the environment. */
export function findModels(wanted: ModelConfig | null, secrets: FindSecret): ModelAccess[] {
  const providers = wanted ? [wanted.provider] : (['anthropic', 'openai', 'google'] as const)
  return providers.flatMap((provider) => {
    const found = findModel(wanted, wanted ? secrets : onlyKeysOf(KEY_VARIABLES[provider], secrets))
    if (!('model' in found)) return []
    const { model, key, baseUrl = BASE_URLS[provider] } = found.model
    return APIS[provider].map((api) => ({ api, baseUrl, key, model }))
  })
}

/** As if no other provider's key were in the environment. */
function onlyKeysOf(variables: readonly string[], secrets: FindSecret): FindSecret {
  const references = variables.map((name) => `env:${name}`)
  return {
    find: (reference) => (references.includes(reference) ? secrets.find(reference) : { missing: 'not its own' }),
  }
}
