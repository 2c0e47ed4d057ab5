/**
 * Channels set up from here: what one needs is asked for, or given by flags; the daemon asks the other side before
 * anything is kept. A secret never stands on the command line: it is named by where it is, or typed.
 */
import { nearest } from '../../core/fault.ts'
import { parseReference, REFERENCE_WORDS } from '../../core/secret-reference.ts'
import type { ChannelState } from '../../daemon/channels/channels.ts'
import type { ChannelKind, SetupField } from '../../daemon/channels/kind.ts'
import type { Client } from '../client.ts'
import { connect } from '../daemon.ts'
import { EXIT, Interrupted, usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { oneLine, pad } from '../text.ts'
import { readAll } from './stdin.ts'

export interface AddChannelOptions {
  kind?: string
  set?: string[]
  secret?: string[]
}

type Kind = Pick<ChannelKind, 'kind' | 'title' | 'steps' | 'fields'>

interface Checked {
  name: string
  account: string
  words: string[]
}

interface Given {
  config: Record<string, unknown>
  /** As they are; the daemon keeps each in a file of its own. */
  secrets: Record<string, string>
}

export async function add(surface: Surface, name: string, options: AddChannelOptions): Promise<void> {
  const client = await connect(surface, { start: true })
  const { kinds } = (await (await client.v1.channels.kinds.$get()).json()) as { kinds: Kind[] }
  const kind = kindOf(kinds, name, options.kind)
  const given = await readGiven(surface, kind, options)
  const missing = kind.fields.filter((field) => isMissing(field, given))
  if (missing.length > 0) {
    if (!surface.canAsk) throw usage(`${kind.title} needs ${missing.map(howToGive).join(' and ')}`)
    await askFor(surface, kind, missing, given)
  }
  if (!surface.isJson) surface.say(surface.paintErr('gray', `asking ${kind.title} …`))
  const json = { name, config: { kind: kind.kind, ...given.config }, secrets: given.secrets }
  const checked = (await (await client.v1.channels.$post({ json })).json()) as Checked
  if (surface.isJson) return surface.printJson(checked)
  tellChecked(surface, checked)
  surface.print(`Next: write to it there; it answers with a code. Say that code here: claw pair CODE`)
}

export async function list(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: true })
  const channels = await listed(client)
  if (surface.isJson) return surface.printJson(channels)
  const colors = { ready: 'green', opening: 'cyan', troubled: 'red' } as const
  for (const { name, kind, state, words } of channels) {
    const shown = name === kind ? name : `${name} (${kind})`
    surface.print(`${pad(shown, 20)} ${surface.paint(colors[state], pad(state, 9))} ${oneLine(words)}`)
  }
  if (channels.length === 1) surface.say('Add one: claw channel add telegram')
}

/** Exit code 1 where the other side does not let us in. */
export async function test(surface: Surface, name: string): Promise<number> {
  const client = await connect(surface, { start: true })
  const response = await client.v1.channels[':channel'].test.$post({ param: { channel: name }, json: {} })
  const checked = (await response.json()) as Checked
  if (surface.isJson) surface.printJson(checked)
  else tellChecked(surface, checked)
  return EXIT.ok
}

export async function remove(surface: Surface, name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const response = await client.v1.channels[':channel'].$delete({ param: { channel: name } })
  const { channels } = (await response.json()) as { channels: ChannelState[] }
  if (surface.isJson) return surface.printJson(channels)
  surface.print(`channel ${oneLine(name)} is gone, with its secrets`)
}

async function listed(client: Client): Promise<ChannelState[]> {
  return ((await (await client.v1.channels.$get()).json()) as { channels: ChannelState[] }).channels
}

function kindOf(kinds: readonly Kind[], name: string, wanted: string | undefined): Kind {
  const found = kinds.find(({ kind }) => kind === (wanted ?? name))
  if (found) return found
  const names = kinds.map(({ kind }) => kind)
  const near = nearest(wanted ?? name, names)
  const hint = near ? `did you mean ${near}?` : `there are ${names.join(', ')}`
  if (wanted !== undefined) throw usage(`There is no kind of channel ${oneLine(wanted)}; ${hint}`)
  throw usage(`"${oneLine(name)}" is no kind of channel; ${hint} Another name needs --kind`)
}

async function readGiven(surface: Surface, kind: Kind, options: AddChannelOptions): Promise<Given> {
  const given: Given = { config: {}, secrets: {} }
  for (const pair of options.set ?? []) {
    const { key, value, field } = split(kind, pair, '--set')
    if (field.isSecret) throw usage(`${key} is a secret: give it as --secret ${key}=file:/path (or env:NAME, or -)`)
    given.config[key] = readValue(field, value)
  }
  for (const pair of options.secret ?? []) {
    const { key, value, field } = split(kind, pair, '--secret')
    if (!field.isSecret) throw usage(`${key} is no secret: give it as --set ${key}=…`)
    if (value === '-') given.secrets[key] = (await readAll(surface)).trim()
    else if (parseReference(value)) given.config[key] = value
    else
      throw usage(
        `--secret says where ${key} is: ${REFERENCE_WORDS}, or -. Itself it would stay in the shell’s history`,
      )
  }
  return given
}

function split(kind: Kind, pair: string, flag: string): { key: string; value: string; field: SetupField } {
  const at = pair.indexOf('=')
  const key = at < 0 ? pair : pair.slice(0, at)
  const field = kind.fields.find((one) => one.key === key)
  if (field && at > 0) return { key, value: pair.slice(at + 1), field }
  const keys = kind.fields.map((one) => one.key)
  if (field) throw usage(`${flag} ${oneLine(key)} needs a value: ${flag} ${oneLine(key)}=…`)
  const near = nearest(key, keys)
  throw usage(
    `${kind.title} has no ${oneLine(key)}; ${near ? `did you mean ${near}?` : `there are ${keys.join(', ')}`}`,
  )
}

function readValue(field: SetupField, value: string): string | number | boolean {
  if (field.kind === 'number') {
    const number = Number(value)
    if (value.trim() === '' || !Number.isFinite(number)) throw usage(`${field.key} must be a number`)
    return number
  }
  if (field.kind !== 'boolean') return value
  if (/^(true|yes|y|1)$/i.test(value)) return true
  if (/^(false|no|n|0)$/i.test(value)) return false
  throw usage(`${field.key} is yes or no`)
}

function isMissing({ key, fallback }: SetupField, { config, secrets }: Given): boolean {
  return fallback === undefined && config[key] === undefined && secrets[key] === undefined
}

function howToGive({ key, title, isSecret }: SetupField): string {
  return `${isSecret ? `--secret ${key}=env:NAME` : `--set ${key}=…`} (${title})`
}

async function askFor(surface: Surface, kind: Kind, missing: readonly SetupField[], given: Given): Promise<void> {
  const clack = await import('@clack/prompts')
  const ends = { input: surface.stdin, output: surface.stdout, signal: surface.signal }
  for (const [n, step] of kind.steps.entries()) surface.print(`${n + 1}. ${step}`)
  for (const field of missing) {
    const message = `${field.title} (${field.hint})`
    const validate = (text: string | undefined) => complaint(field, (text ?? '').trim())
    const answer = field.isSecret
      ? await clack.password({ message, validate, ...ends })
      : await clack.text({ message, validate, ...ends })
    if (clack.isCancel(answer)) throw new Interrupted('nothing was written')
    if (field.isSecret) given.secrets[field.key] = answer.trim()
    else given.config[field.key] = readValue(field, answer.trim())
  }
}

function complaint(field: SetupField, text: string): string | undefined {
  if (text === '') return 'It is needed'
  try {
    readValue(field, text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function tellChecked({ print, paint }: Surface, { name, account, words }: Checked): void {
  print(`${paint('green', '✓')} ${name}: ${oneLine(account)}`)
  for (const line of words) print(`  ${oneLine(line)}`)
}
