/**
 * What `claw setup` can offer here, and what becomes of it in the configuration. Pure: the daemon has said
 * which agents there are, the environment which keys.
 */
import { KEY_VARIABLES, MODEL_DEFAULTS, PROVIDER_APIS } from '../../config/known-models.ts'
import type { ModelConfig } from '../../config/schema.ts'
import type { Health } from '../../daemon/health.ts'

export type FoundAgent = Health['agents'][number]

/** Where the work's models come from. */
export type Source =
  | { kind: 'as-it-is'; words: string }
  | { kind: 'model'; model: ModelConfig; words: string }
  /** A key is still to be given. */
  | { kind: 'new-key'; provider: keyof typeof MODEL_DEFAULTS; words: string }
  /** Where it is is still to be said. */
  | { kind: 'server'; words: string }
  | { kind: 'login'; agent: string; words: string }
  | { kind: 'none'; words: string }

/** A source with nothing left to ask. */
export type Settled = Extract<Source, { kind: 'as-it-is' | 'model' | 'login' | 'none' }>

const TITLES = { anthropic: 'Anthropic', openai: 'OpenAI', google: 'Google' } as const
const PROVIDERS = ['anthropic', 'openai', 'google'] as const

/** What can be chosen, best first: what is configured, keys that are there, logins, then what needs something more. */
export function findSources(
  env: Readonly<Record<string, string | undefined>>,
  agents: readonly FoundAgent[],
  configured: ModelConfig | null,
): Source[] {
  const keyed = PROVIDERS.flatMap((provider) => {
    const name = KEY_VARIABLES[provider].find((variable) => env[variable]?.trim())
    if (name === undefined) return []
    const model = { provider, model: MODEL_DEFAULTS[provider], baseUrl: null, key: `env:${name}` }
    return [{ kind: 'model' as const, model, words: `${TITLES[provider]}, ${model.model}, with the key in ${name}` }]
  })
  const logins = agents
    .filter(({ installed, loggedIn }) => installed && loggedIn)
    .map(({ name, title }) => ({
      kind: 'login' as const,
      agent: name,
      words: `your login of ${title}, which then also plans`,
    }))
  const unkeyed = PROVIDERS.filter((provider) => keyed.every(({ model }) => model.provider !== provider))
  return [
    ...(configured ? [{ kind: 'as-it-is' as const, words: `as configured: ${configured.model}` }] : []),
    ...keyed,
    ...logins,
    ...unkeyed.map((provider) => ({
      kind: 'new-key' as const,
      provider,
      words: `${TITLES[provider]}, with a key that you enter`,
    })),
    { kind: 'server', words: 'another server that speaks OpenAI’s Chat Completions' },
    { kind: 'none', words: 'nothing yet' },
  ]
}

/** The first that needs no word from anybody. */
export function firstSettled(sources: readonly Source[]): Settled {
  const found = sources.find(({ kind }) => kind !== 'new-key' && kind !== 'server')
  return found as Settled
}

/** Agents that can work with that source, in the order in which the daemon would take them. */
export function agentsFor(
  source: Settled,
  configured: ModelConfig | null,
  agents: readonly FoundAgent[],
): FoundAgent[] {
  const installed = agents.filter((agent) => agent.installed)
  if (source.kind === 'login') {
    return [...installed].filter(({ loggedIn }) => loggedIn).sort((one) => (one.name === source.agent ? -1 : 1))
  }
  const model = source.kind === 'model' ? source.model : source.kind === 'as-it-is' ? configured : null
  const apis: readonly string[] = model ? PROVIDER_APIS[model.provider] : []
  return installed.filter(
    (agent) =>
      agent.loggedIn || agent.apis.some((api) => apis.includes(api)) || (agent.found && agent.apis.length === 0),
  )
}

export interface Answers {
  source: Settled
  /** Null: the daemon chooses. */
  agent: string | null
  /** US dollars per day; null or undefined: as it is. */
  dayUsdMax: number | null | undefined
}

/** The keys that the answers set; what is the default already is left out. */
export function keysOf({ source, agent, dayUsdMax }: Answers): [key: string, value: unknown][] {
  const keys: [string, unknown][] = []
  if (source.kind === 'model') {
    const { provider, model, baseUrl, key } = source.model
    keys.push([
      'model',
      { provider, model, ...(baseUrl === null ? {} : { baseUrl }), ...(key === null ? {} : { key }) },
    ])
  }
  if (source.kind === 'login') keys.push(['brain.agent', source.agent])
  if (agent !== null) keys.push(['agents.default', agent])
  // No limit is the default; null would only be noise.
  if (typeof dayUsdMax === 'number') keys.push(['limits.dayUsdMax', dayUsdMax])
  return keys
}

/** `http://127.0.0.1:11434/v1 qwen3-coder` → a server and its model; a string says what is wrong. */
export function readServer(text: string): { baseUrl: string; model: string } | string {
  const [baseUrl = '', model = '', more] = text.trim().split(/\s+/)
  if (!/^https?:\/\/\S+$/.test(baseUrl) || !URL.canParse(baseUrl)) return 'It begins with http:// or https://'
  if (model === '' || more !== undefined) return 'The address, a blank, and the model’s name'
  return { baseUrl, model }
}

/** US dollars, or nothing for no limit; a string says what is wrong. */
export function readUsd(text: string): number | null | string {
  const bare = text.trim().replace(/^\$/, '')
  if (bare === '' || /^(none|no|0)$/i.test(bare)) return null
  const amount = Number(bare)
  return Number.isFinite(amount) && amount > 0 ? amount : 'An amount such as 10, or nothing for no limit'
}
