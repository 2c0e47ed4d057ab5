import { KEY_VARIABLES, MODEL_DEFAULTS, PROVIDER_APIS } from '../../config/known-models.ts'
import type { Config, ModelConfig } from '../../config/schema.ts'
import { Fault, nearest } from '../../core/fault.ts'
import type { ModelAccess } from '../agents/agent.ts'
import { withVersion } from '../agents/profiles/model-url.ts'
import { type FindSecret, findKey } from '../brain/find-model.ts'
import type { Api } from './wire.ts'

/** A server of models, as the gateway uses it. */
export interface Upstream {
  name: string
  provider: ModelConfig['provider']
  /** APIs it answers, its own first. */
  apis: readonly Api[]
  /** With the API's version, without a slash at the end. */
  baseUrl: string
  /** As the owner wrote it; null: the provider's own. */
  givenUrl: string | null
  /** The model that agents are given; null: none by itself. */
  model: string | null
  models: Readonly<Record<string, string>>
  fallbacks: readonly string[]
  parallelMax: number
  streamUsage: boolean
  /** Asked for at each request, so that a key may change under a running daemon. */
  findKey(): string | { missing: string }
}

const BASE_URLS: Record<Upstream['provider'], string> = {
  anthropic: 'https://api.anthropic.com/v1',
  openai: 'https://api.openai.com/v1',
  'openai-chat': 'https://api.openai.com/v1',
  google: 'https://generativelanguage.googleapis.com/v1beta',
}

const PLAIN = { models: {}, fallbacks: [], parallelMax: 128, streamUsage: true }

/**
 * The upstreams of a configuration, the one for agents first: `model`, then the named ones; with neither,
 * one per key in the environment. The brain's own model is an upstream too.
 */
export function listUpstreams(
  config: Pick<Config, 'model' | 'brain' | 'upstreams'>,
  secrets: FindSecret,
): readonly Upstream[] {
  const named = Object.entries(config.upstreams)
  const derived: [string, Parameters<typeof make>[1]][] = []
  if (config.model) derived.push(['model', { ...PLAIN, ...config.model }])
  if (!config.model && named.length === 0) {
    for (const provider of ['anthropic', 'openai', 'google'] as const) {
      const upstream = { ...PLAIN, provider, model: MODEL_DEFAULTS[provider], baseUrl: null, key: null }
      if (KEY_VARIABLES[provider].some((name) => typeof secrets.find(`env:${name}`) === 'string'))
        derived.push([provider, upstream])
    }
  }
  const last: typeof derived = config.brain.model ? [['brain', { ...PLAIN, ...config.brain.model }]] : []
  for (const [name] of [...derived, ...last]) {
    if (name in config.upstreams) {
      throw new Fault('config_invalid', `upstreams.${name}: this name is taken by the key \`${name}\` of its own`, {
        hint: 'Give the upstream another name.',
      })
    }
  }
  const all = [...derived, ...named, ...last].map(([name, of]) => make(name, of, secrets))
  for (const upstream of all) assertFallbacks(upstream, all)
  return all
}

function make(
  name: string,
  of: Pick<ModelConfig, 'provider' | 'baseUrl' | 'key'> & {
    model: string | null
    models: Readonly<Record<string, string>>
    fallbacks: readonly string[]
    parallelMax: number
    streamUsage: boolean
  },
  secrets: FindSecret,
): Upstream {
  const { key, baseUrl, ...rest } = of
  const own = BASE_URLS[of.provider]
  return {
    name,
    ...rest,
    apis: PROVIDER_APIS[of.provider],
    givenUrl: baseUrl,
    baseUrl: baseUrl === null ? own : withVersion(baseUrl, own.slice(own.lastIndexOf('/') + 1)),
    findKey: () => findKey({ key, baseUrl, provider: of.provider }, secrets),
  }
}

function assertFallbacks(upstream: Upstream, all: readonly Upstream[]): void {
  for (const name of upstream.fallbacks) {
    const other = all.find((one) => one.name === name)
    const names = all.map((one) => one.name)
    if (!other) {
      const near = nearest(name, names)
      const choice = near ? `; did you mean ${near}?` : ''
      throw new Fault('config_invalid', `upstreams.${upstream.name}.fallbacks: there is no upstream ${name}${choice}`)
    }
    if (!other.apis.some((api) => upstream.apis.includes(api))) {
      throw new Fault(
        'config_invalid',
        `upstreams.${upstream.name}.fallbacks: ${name} speaks another API (${other.provider})`,
      )
    }
  }
}

/** The model for whoever names none: `model`, else that of the first named upstream which has one. */
export function defaultModelOf({ model, upstreams }: Pick<Config, 'model' | 'upstreams'>): ModelConfig | null {
  const named = Object.values(upstreams).find((one) => one.model !== null)
  if (model || !named) return model
  return { provider: named.provider, model: named.model!, baseUrl: named.baseUrl, key: named.key }
}

/** Who may answer a call of an upstream's, the upstream itself first. */
export function candidatesOf(all: readonly Upstream[], name: string, api: Api | undefined): Upstream[] {
  const own = all.find((one) => one.name === name)
  if (!own) return []
  const others = own.fallbacks.flatMap((other) => all.find((one) => one.name === other) ?? [])
  return [own, ...others].filter((one) => api === undefined || one.apis.includes(api))
}

/** What a model is called there. */
export function modelAt(upstream: Upstream, asked: string): string {
  return upstream.models[asked] ?? upstream.models['*'] ?? asked
}

/** Opens nothing; agents that are only tried out want to see a key. */
const NO_RUN = 'claw-no-run'

/** The ways in which agents reach the models through the gateway; the key is given to each run. */
export function modelsThrough(url: string, upstreams: readonly Upstream[]): ModelAccess[] {
  return upstreams.flatMap((upstream) => {
    const { model, name, apis } = upstream
    if (model === null || name === 'brain' || typeof upstream.findKey() !== 'string') return []
    return apis.map((api) => ({ api, baseUrl: url, key: NO_RUN, model, upstream: name }))
  })
}
