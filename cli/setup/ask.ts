/**
 * The questions of `claw setup`, on a terminal: at most five, each with an answer that Enter takes.
 *
 * model · its key or address, where that is open · agent, where there is a choice · money per day · write it?
 */
import type { ModelConfig } from '../../config/schema.ts'
import { Interrupted } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { type Answers, agentsFor, type FoundAgent, readServer, readUsd, type Settled, type Source } from './choices.ts'

export interface Asked extends Answers {
  /** A key that was entered: it goes into a file of its own, never into the configuration. */
  secret: { provider: string; value: string } | null
}

type Clack = typeof import('@clack/prompts')

/** What a flag has said already is not asked. */
export interface Given {
  source: Settled | undefined
  agent: string | undefined
  dayUsdMax: number | undefined
}

export async function askOwner(
  surface: Surface,
  offered: {
    sources: Source[]
    agents: FoundAgent[]
    configured: ModelConfig | null
    secretFile(provider: string): string
  },
  given: Given,
): Promise<Asked> {
  const clack = await import('@clack/prompts')
  const { source, secret } = given.source
    ? { source: given.source, secret: null }
    : await askSource(clack, surface, offered.sources, offered.secretFile)
  const fit = agentsFor(source, offered.configured, offered.agents)
  let agent = given.agent ?? (source.kind === 'login' ? source.agent : null)
  if (agent === null && fit.length > 1) {
    agent = await orLeave(
      clack,
      clack.select({
        message: 'Which agent does the work?',
        options: fit.map(({ name, title, loggedIn }) => ({
          value: name,
          label: title,
          ...(loggedIn ? { hint: 'logged in' } : {}),
        })),
        ...ends(surface),
      }),
    )
  }
  let dayUsdMax: number | null | undefined = given.dayUsdMax
  if (dayUsdMax === undefined && source.kind !== 'login') {
    const text = await orLeave(
      clack,
      clack.text({
        message: 'How many US dollars may it spend per day before it asks you?',
        placeholder: '10, or just Enter for no limit',
        validate: (value) => complaint(readUsd(value ?? '')),
        ...ends(surface),
      }),
    )
    dayUsdMax = readUsd(text) as number | null
  }
  return { source, agent, dayUsdMax, secret }
}

/** Ctrl-C and Escape leave; nothing has been written. */
export async function confirm(surface: Surface, message: string): Promise<boolean> {
  const clack = await import('@clack/prompts')
  return orLeave(clack, clack.confirm({ message, ...ends(surface) }))
}

async function askSource(
  clack: Clack,
  surface: Surface,
  sources: readonly Source[],
  secretFile: (provider: string) => string,
): Promise<{ source: Settled; secret: Asked['secret'] }> {
  const chosen = await orLeave(
    clack,
    clack.select({
      message: 'Which model do the agents use?',
      options: sources.map((source, at) => ({ value: at, label: source.words })),
      ...ends(surface),
    }),
  )
  const source = sources[chosen]!
  if (source.kind === 'new-key') {
    const { MODEL_DEFAULTS } = await import('../../config/known-models.ts')
    const file = secretFile(source.provider)
    const value = await orLeave(
      clack,
      clack.password({
        message: `The key (it is put into ${file}, for your eyes only)`,
        validate: (text) =>
          /^\S{8,}$/.test((text ?? '').trim()) ? undefined : 'A key has no blanks and more than eight letters',
        ...ends(surface),
      }),
    )
    const model = {
      provider: source.provider,
      model: MODEL_DEFAULTS[source.provider],
      baseUrl: null,
      key: `file:${file}`,
    }
    return {
      source: { kind: 'model', model, words: model.model },
      secret: { provider: source.provider, value: value.trim() },
    }
  }
  if (source.kind === 'server') {
    const text = await orLeave(
      clack,
      clack.text({
        message: 'Its address and the model’s name',
        placeholder: 'http://127.0.0.1:11434/v1 qwen3-coder',
        validate: (value) => complaint(readServer(value ?? '')),
        ...ends(surface),
      }),
    )
    const server = readServer(text) as { baseUrl: string; model: string }
    const model = { provider: 'openai-chat' as const, ...server, key: null }
    return { source: { kind: 'model', model, words: model.model }, secret: null }
  }
  return { source, secret: null }
}

function ends({ stdin, stdout, signal }: Surface) {
  return { input: stdin, output: stdout, signal }
}

function complaint(read: unknown): string | undefined {
  return typeof read === 'string' ? read : undefined
}

async function orLeave<T>({ isCancel }: Clack, answer: Promise<T>): Promise<Exclude<T, symbol>> {
  const given = await answer
  if (isCancel(given)) throw new Interrupted('nothing was written')
  return given as Exclude<T, symbol>
}
