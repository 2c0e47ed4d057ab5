/** `claw config get | set | edit | check`: the one file, never left worse than it was. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parse } from 'yaml'
import { FIRST, readText, withKeys, writeWhole } from '../../config/config-text.ts'
import { LIVE_KEYS } from '../../config/live.ts'
import { listSettings, loadConfig, readConfig } from '../../config/load.ts'
import { nearest } from '../../core/fault.ts'
import { editorOf, openEditor } from '../editor.ts'
import { EXIT, usage } from '../exit.ts'
import type { Surface } from '../surface.ts'

/** The value that holds: file, environment and defaults together. Without a key, all of it. */
export async function get(surface: Surface, key: string | undefined): Promise<void> {
  const config = loadConfig(surface.paths.configFile, surface.env)
  const value = key === undefined ? config : valueAt(config, key)
  if (surface.isJson) return surface.printJson(value)
  if (typeof value !== 'object' || value === null) return surface.print(String(value))
  const { stringify } = await import('yaml')
  surface.print(stringify(value).trimEnd())
}

/** Writes one key, with comments and order of the file kept. What would not be a whole configuration is not written. */
export async function set(surface: Surface, key: string, text: string): Promise<void> {
  const { configFile } = surface.paths
  const changed = withKeys(readText(configFile), configFile, [[key, parse(text)]])
  writeWhole(configFile, changed)
  const value = valueAt(loadConfig(configFile, surface.env), key)
  if (surface.isJson) return surface.printJson({ key, value, when: LIVE_KEYS.has(key) ? 'now' : 'restart' })
  surface.print(`${key}: ${JSON.stringify(value)}`)
  surface.say(LIVE_KEYS.has(key) ? 'It holds from now on.' : 'It holds after a restart: claw daemon restart')
  const variable = listSettings().find((setting) => setting.path.join('.') === key)?.variable
  if (variable && surface.env[variable] !== undefined) surface.say(`claw: ${variable} is set and goes over the file`)
}

/** In the owner's editor, on a copy that takes the file's place only when it is right. */
export async function edit(surface: Surface): Promise<number> {
  const { configFile } = surface.paths
  const editor = editorOf(surface, `edit ${configFile} yourself`)
  const draft = `${configFile}.edit`
  mkdirSync(dirname(configFile), { recursive: true, mode: 0o700 })
  const before = readText(configFile)
  if (existsSync(draft)) surface.say(`Going on with ${draft}, which did not take effect before.`)
  else writeFileSync(draft, before || FIRST, { mode: 0o600 })
  openEditor(surface, editor, draft)
  const text = readFileSync(draft, 'utf8')
  try {
    readConfig(text, configFile, {})
  } catch (error) {
    surface.say(`What you wrote is kept in ${draft}; claw config edit goes on with it.`)
    throw error
  }
  if (readText(configFile) !== before) {
    throw usage(`${configFile} was changed meanwhile and is left as it is; what you wrote is in ${draft}`)
  }
  writeWhole(configFile, text)
  rmSync(draft)
  surface.print(`${configFile} is right.`)
  return EXIT.ok
}

/** Exit code 2 and the place of the first mistake. */
export async function check(surface: Surface, file: string | undefined): Promise<void> {
  const path = file ?? surface.paths.configFile
  if (file !== undefined && !existsSync(file)) throw usage(`There is no file ${file}`)
  loadConfig(path, surface.env)
  const words = existsSync(path) ? `${path} is right` : `There is no ${path}; the defaults hold`
  if (surface.isJson) surface.printJson({ file: path, ok: true })
  else surface.print(`${words}.`)
}

function valueAt(config: unknown, key: string): unknown {
  let value = config
  const path = key.split('.')
  for (const [depth, part] of path.entries()) {
    const here = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
    if (!Object.hasOwn(here, part)) {
      const near = nearest(part, Object.keys(here))
      const choice = near ? `; did you mean ${[...path.slice(0, depth), near].join('.')}?` : ''
      throw usage(`There is no key ${key}${choice}`)
    }
    value = here[part]
  }
  return value
}
