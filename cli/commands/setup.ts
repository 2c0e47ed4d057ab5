/**
 * `claw setup`, for the first time: finds agents and keys, asks at most five questions, shows the one file and
 * writes it, then runs one tiny goal as proof. What stands in the file already stays.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FIRST, readText, withKeys, writeWhole } from '../../config/config-text.ts'
import { loadConfig } from '../../config/load.ts'
import type { ModelConfig } from '../../config/schema.ts'
import { parseReference, REFERENCE_WORDS } from '../../core/secret-reference.ts'
import type { Health } from '../../daemon/health.ts'
import { connect } from '../daemon.ts'
import { EXIT, usage } from '../exit.ts'
import type { Asked, Given } from '../setup/ask.ts'
import { agentsFor, findSources, firstSettled, keysOf, type Settled } from '../setup/choices.ts'
import type { ProofOfSetup } from '../setup/prove.ts'
import type { Surface } from '../surface.ts'
import { oneLine, pad } from '../text.ts'
import { renew } from './daemon.ts'

export interface SetupOptions {
  provider?: string
  model?: string
  baseUrl?: string
  key?: string
  agent?: string
  dayUsd?: number
  yes?: boolean
  proof?: boolean
}

/** Exit code 1 when the proof fails; what was written stays. */
export async function setup(surface: Surface, options: SetupOptions): Promise<number> {
  const { configFile, home } = surface.paths
  const before = readText(configFile)
  const { model: configured } = loadConfig(configFile, surface.env)
  const given: Given = { source: sourceIn(options), agent: options.agent, dayUsdMax: options.dayUsd }
  const health = await look(surface)
  const agents = health.agents
  if (given.agent !== undefined && !agents.some(({ name }) => name === given.agent)) {
    throw usage(`There is no agent ${given.agent}; known: ${agents.map(({ name }) => name).join(', ')}`)
  }
  tellFound(surface, health)

  const sources = findSources(surface.env, agents, configured)
  const secretFile = (provider: string) => join(home, 'secrets', `${provider}.key`)
  const isAsked = surface.canAsk && !options.yes
  const answers: Asked = isAsked
    ? await (await import('../setup/ask.ts')).askOwner(surface, { sources, agents, configured, secretFile }, given)
    : settle(given, firstSettled(sources))

  const text = withKeys(before || FIRST, configFile, keysOf(answers))
  const isNew = text !== before
  if (!surface.isJson) show(surface, configFile, text, isNew)
  if (isNew && !options.yes) {
    if (!isAsked) throw usage('Nothing was written, since there is nobody to ask; --yes writes it as it is shown')
    if (!(await (await import('../setup/ask.ts')).confirm(surface, `Write it to ${configFile}?`))) {
      surface.say('Nothing was written.')
      return EXIT.ok
    }
  }
  if (answers.secret) keep(secretFile(answers.secret.provider), answers.secret.value)
  if (isNew) {
    writeWhole(configFile, text)
    await renew(surface)
  }

  const fit = agentsFor(answers.source, configured, agents)
  const proof = options.proof === false || fit.length === 0 ? null : await proveIt(surface)
  if (surface.isJson) surface.printJson({ file: configFile, written: isNew, text, proof })
  else {
    tellEnd(surface, answers.source, fit.length > 0, proof)
    await tellMemory(surface)
  }
  return proof === null || proof.met ? EXIT.ok : EXIT.failed
}

/** The daemon knows what is installed and logged in; nothing here finds it out a second time. */
async function look(surface: Surface): Promise<Health> {
  const client = await connect(surface, { start: true })
  return (await (await client.v1.status.$get()).json()) as Health
}

function sourceIn({ provider, model, baseUrl, key }: SetupOptions): Settled | undefined {
  if (provider === undefined && model === undefined && baseUrl === undefined && key === undefined) return undefined
  if (provider === undefined || model === undefined) throw usage('A model needs both --provider and --model')
  if (key !== undefined && !parseReference(key)) {
    throw usage(`--key says where the key is: ${REFERENCE_WORDS}. A key itself would stay in the shell’s history`)
  }
  const found = { provider: provider as ModelConfig['provider'], model, baseUrl: baseUrl ?? null, key: key ?? null }
  return { kind: 'model', model: found, words: model }
}

function settle(given: Given, first: Settled): Asked {
  const source = given.source ?? first
  const agent = given.agent ?? (source.kind === 'login' ? source.agent : null)
  return { source, agent, dayUsdMax: given.dayUsdMax, secret: null }
}

function tellFound(surface: Surface, { agents, sandbox }: Health): void {
  if (surface.isJson) return
  const { paint } = surface
  const line = (mark: string, what: string, words: string) =>
    surface.print(`${mark} ${pad(what, 12)} ${oneLine(words)}`)
  for (const { title, found, words } of agents.filter(({ installed }) => installed)) {
    line(paint('green', '✓'), title, found ? words : 'installed; it needs a model')
  }
  const absent = agents.filter(({ installed }) => !installed).map(({ title }) => title)
  if (absent.length > 0) line(paint('gray', '–'), 'agents', `not installed: ${absent.join(', ')}; one agent is enough`)
  // What keeps agents in is told in full where it is missing; otherwise its name is enough here.
  if (sandbox.name === 'none') line(paint('yellow', '!'), 'sandbox', `none: ${sandbox.words}`)
  else line(paint('green', '✓'), 'sandbox', sandbox.words.split(':', 1)[0]!)
}

function show(surface: Surface, file: string, text: string, isNew: boolean): void {
  surface.print('')
  surface.print(surface.paint('gray', isNew ? `${file} will be:` : `${file} stays as it is:`))
  for (const line of text.trimEnd().split('\n')) surface.print(`  ${line}`)
  surface.print('')
}

/** The folder is known to backups, which leave it out unless asked. */
function keep(file: string, secret: string): void {
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
  writeFileSync(file, `${secret}\n`, { mode: 0o600, flush: true })
}

async function proveIt(surface: Surface): Promise<ProofOfSetup> {
  surface.say(surface.paintErr('gray', 'one tiny goal as proof:'))
  const client = await connect(surface, { start: true })
  return (await import('../setup/prove.ts')).prove(surface, client)
}

/** Search by meaning is offered, not fetched: it is the owner's network. */
async function tellMemory(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: true })
  const { words } = (await (await client.v1.memory.model.$get()).json()) as { words: string }
  if (!words.includes('words alone (the model')) return
  surface.print(
    `${surface.paint('gray', '–')} ${pad('memory', 12)} recalls by words alone; claw memory fetch-model gets the model for recall by meaning, once`,
  )
}

function tellEnd(surface: Surface, source: Settled, canWork: boolean, proof: ProofOfSetup | null): void {
  const { paint } = surface
  if (proof?.met) {
    surface.print(`${paint('green', '✓')} It works: ${proof.words} (${proof.seconds} s).`)
    surface.print('Next: claw "what you want" --repo .')
  } else if (proof) {
    surface.print(`${paint('red', '✗')} Goal ${proof.goal} did not get through: ${oneLine(proof.words)}`)
    surface.print(`See: claw watch ${proof.goal}    claw doctor --online    claw logs --goal ${proof.goal}`)
  } else if (!canWork) {
    const why = source.kind === 'none' ? 'There is no model yet' : 'No installed agent can use that model'
    surface.print(`${paint('yellow', '!')} ${why}, so nothing was tried. See: claw doctor`)
  }
}
