/**
 * The configuration: config.yaml, then the environment over it, then the schema's defaults.
 *
 * It is read whole or refused whole: what is unknown or wrong becomes one `config_invalid` that names
 * the key, the place, and the nearest key there is. The answer is frozen.
 *
 * Every single value also has a variable: `runs.silenceSeconds` is CLAW_RUNS_SILENCE_SECONDS, a list is
 * separated by commas. Tables with names of the owner's (`agents.custom`) stand in the file only.
 */
import { readFileSync } from 'node:fs'
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { type Complaint, explainIssues } from '../core/explain.ts'
import { Fault, nearest } from '../core/fault.ts'
import { Config } from './schema.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the file (none is a whole configuration) and the environment. */
export function loadConfig(file: string, env: Environment): Readonly<Config> {
  let text = ''
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new Fault('config_invalid', `${file} cannot be read: ${(cause as Error).message}`, { cause })
    }
  }
  return readConfig(text, file, env)
}

/** Pure: the text of the file, what to call it in a complaint, and the environment. */
export function readConfig(text: string, name: string, env: Environment): Readonly<Config> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [broken] = document.errors
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0])
    const words = broken.message.split('\n')[0]
    throw new Fault('config_invalid', `${name}:${line}:${col}: not YAML: ${words}`, { cause: broken, hint: HINT })
  }
  const fromFile = toValue(document, name)
  if (typeof fromFile !== 'object' || Array.isArray(fromFile)) {
    throw new Fault('config_invalid', `${name}:1: expected keys and values, such as \`runs:\``, { hint: HINT })
  }
  dropEmptySections(fromFile as Record<string, unknown>)
  takeMcpServers(fromFile as Record<string, unknown>)
  const checked = Config.safeParse(fromFile)
  if (!checked.success) {
    const complaints = explainIssues(Config, fromFile, checked.error)
    throw refuse(complaints, ({ path }) => `${name}${lineOf(document, lines, path)}`)
  }
  const { value, sources } = mergeEnvironment(fromFile as Record<string, unknown>, env)
  const whole = Config.safeParse(value)
  if (!whole.success) {
    const complaints = explainIssues(Config, value, whole.error)
    throw refuse(complaints, ({ path }) => sourceOf(sources, path) ?? name)
  }
  return freeze(whole.data)
}

/** An alias without an anchor shows only here, as a bare error. */
function toValue(document: Document, name: string): unknown {
  try {
    return document.toJS() ?? {}
  } catch (cause) {
    throw new Fault('config_invalid', `${name}: not YAML: ${(cause as Error).message}`, { cause, hint: HINT })
  }
}

/** A section with nothing under it (`runs:` and no more) is one with every default. */
function dropEmptySections(value: Record<string, unknown>): void {
  for (const [key, section] of Object.entries(value)) {
    if (section === null && key in Config.shape) delete value[key]
  }
}

/** Another client's `mcpServers` may be pasted as it is. What stands under `mcp.servers` wins. */
function takeMcpServers(value: Record<string, unknown>): void {
  const { mcpServers, mcp } = value
  if (typeof mcpServers !== 'object' || mcpServers === null) return
  const ours = (typeof mcp === 'object' && mcp !== null ? mcp : {}) as { servers?: object }
  value['mcp'] = { ...ours, servers: { ...mcpServers, ...ours.servers } }
  delete value['mcpServers']
}

function sourceOf(sources: ReadonlyMap<string, string>, path: (string | number)[]): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const source = sources.get(path.slice(0, length).join('.'))
    if (source) return source
  }
  return undefined
}

const HINT = 'Every key is described in docs/CONFIG.md.'

function refuse(complaints: Complaint[], place: (complaint: Complaint) => string): Fault {
  const all = complaints.map((complaint) => `${place(complaint)}: ${complaint.words}`)
  const more = all.length > 1 ? ` (and ${all.length - 1} more)` : ''
  return new Fault('config_invalid', `${all[0] ?? 'the configuration is wrong'}${more}`, {
    hint: HINT,
    details: { problems: all },
  })
}

/** `:4` for the line where the key stands, or that of the nearest thing around it that is in the file. */
function lineOf(document: Document, lines: LineCounter, path: (string | number)[]): string {
  for (let length = path.length; length > 0; length--) {
    const key = path[length - 1]
    const around = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    if (!isMap(around)) continue
    const pair = around.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
    if (pair && isScalar(pair.key) && pair.key.range) return `:${lines.linePos(pair.key.range[0]).line}`
  }
  return ''
}

/** A value that one variable can set. */
export interface Setting {
  path: string[]
  variable: string
  kind: 'number' | 'boolean' | 'text' | 'list'
  isNullable: boolean
}

type JsonSchema = {
  type?: string | string[]
  enum?: unknown[]
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  anyOf?: JsonSchema[]
}

/** All values with a variable, in the schema's order. */
export function listSettings(): Setting[] {
  const settings: Setting[] = []
  const walk = (schema: JsonSchema, path: string[], isNullable: boolean): void => {
    if (schema.anyOf) {
      const real = schema.anyOf.filter((one) => one.type !== 'null')
      const nullable = real.length < schema.anyOf.length
      if (real.length === 1) walk(real[0]!, path, nullable)
      return
    }
    if (schema.properties) {
      for (const [key, inner] of Object.entries(schema.properties)) walk(inner, [...path, key], false)
      return
    }
    const types = [schema.type ?? []].flat()
    const kind = kindOf(schema, types)
    if (kind)
      settings.push({ path, variable: variableOf(path), kind, isNullable: isNullable || types.includes('null') })
  }
  walk(z.toJSONSchema(Config, { io: 'input', reused: 'inline' }) as JsonSchema, [], false)
  return settings
}

function kindOf(schema: JsonSchema, types: string[]): Setting['kind'] | undefined {
  if (types.includes('integer') || types.includes('number')) return 'number'
  if (types.includes('boolean')) return 'boolean'
  if (types.includes('string') || schema.enum) return 'text'
  if (types.includes('array') && schema.items?.type === 'string') return 'list'
  return undefined
}

function variableOf(path: string[]): string {
  return `CLAW_${path.map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).join('_')}`
}

/**
 * Lays the variables over the file. Only those under a section's name are ours to judge: CLAW_RUNS_MAXX is
 * a mistake, CLAW_HOME and CLAW_RUN_ID are somebody else's.
 */
function mergeEnvironment(fromFile: Record<string, unknown>, env: Environment) {
  const settings = listSettings()
  const byVariable = new Map(settings.map((setting) => [setting.variable, setting]))
  const sections = [...new Set(settings.map((setting) => `${variableOf(setting.path.slice(0, 1))}_`))]
  const value = structuredClone(fromFile)
  const sources = new Map<string, string>()
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !sections.some((section) => variable.startsWith(section))) continue
    const setting = byVariable.get(variable)
    if (!setting) {
      const near = nearest(variable, [...byVariable.keys()])
      const choice = near ? `; did you mean ${near}?` : ''
      throw new Fault('config_invalid', `environment: unknown variable ${variable}${choice}`, { hint: HINT })
    }
    setIn(value, setting.path, readText(setting, text))
    for (let length = setting.path.length; length > 0; length--) {
      sources.set(setting.path.slice(0, length).join('.'), `environment variable ${variable}`)
    }
  }
  return { value, sources }
}

/** What cannot be read as its kind stays text, so that the schema complains of it by name. */
function readText(setting: Setting, text: string): unknown {
  if (setting.isNullable && (text === '' || text === 'null')) return null
  switch (setting.kind) {
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
    case 'boolean':
      return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
    default:
      return text
  }
}

function setIn(target: Record<string, unknown>, path: string[], value: unknown): void {
  let here = target
  for (const key of path.slice(0, -1)) {
    const next = here[key]
    if (typeof next !== 'object' || next === null) here[key] = {}
    here = here[key] as Record<string, unknown>
  }
  here[path.at(-1)!] = value
}

function freeze<T>(value: T): Readonly<T> {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner)
    Object.freeze(value)
  }
  return value
}
