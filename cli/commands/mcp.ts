import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault, nearest } from '../../core/fault.ts'
import { locateIn, startDaemon } from '../daemon.ts'
import { EXIT } from '../exit.ts'
import { bridge } from '../mcp-bridge.ts'
import { CLIENTS, type Entry } from '../mcp-clients.ts'
import type { Surface } from '../surface.ts'
import { prompt } from './stdin.ts'

/** stdout belongs to the protocol; chatter goes to stderr as ever. */
export async function serve(surface: Surface): Promise<void> {
  await bridge({
    input: surface.stdin,
    write: (line) => surface.print(line),
    locate: locateIn(surface.paths),
    start: async () => void (await startDaemon(surface)),
    signal: surface.signal,
  })
}

export interface InstallOptions {
  remove?: boolean
  yes?: boolean
}

/** Shows what would change in the client's own file, and writes it once that is agreed to. */
export async function install(surface: Surface, name: string, options: InstallOptions): Promise<number> {
  const client = CLIENTS[name]
  if (!client) {
    const near = nearest(name, Object.keys(CLIENTS))
    throw new Fault('input_invalid', `There is no client ${name}`, {
      hint: near ? `Did you mean ${near}?` : `Known: ${Object.keys(CLIENTS).join(', ')}`,
    })
  }
  const file = client.file({ env: surface.env, platform: process.platform })
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const after = client.change(before, options.remove ? undefined : entryFor(surface))
  const isChanged = after !== before && !(before === '' && options.remove)
  const said = { client: name, file, changed: isChanged, written: false }
  if (!isChanged) {
    if (surface.isJson) surface.printJson(said)
    else surface.print(options.remove ? `${client.title} does not know Claw.` : `${client.title} knows Claw already.`)
    return EXIT.ok
  }
  if (!surface.isJson) {
    surface.print(file)
    for (const line of changedLines(before, after))
      surface.print(surface.paint(line.startsWith('+') ? 'green' : 'red', line))
  }
  if (!options.yes) {
    if (!surface.canAsk)
      throw new Fault('input_invalid', `Nothing was written to ${file}`, { hint: 'Add --yes to write it.' })
    const answer = await prompt(surface, 'Write this? [y/N] ')
    if (!/^y(es)?$/i.test(answer)) {
      surface.say('Nothing was written.')
      return EXIT.failed
    }
  }
  writeWhole(file, after)
  if (surface.isJson) surface.printJson({ ...said, written: true })
  else
    surface.print(
      options.remove
        ? `${client.title} forgets Claw when it starts next.`
        : `${client.title} has Claw’s tools when it starts next.`,
    )
  return EXIT.ok
}

/** By full paths: programs with a window often have another PATH than the shell. No secret stands in it. */
function entryFor({ env }: Surface): Entry {
  const home = env['CLAW_HOME']
  return {
    command: process.execPath,
    args: [realpathSync(process.argv[1]!), 'mcp'],
    env: home ? { CLAW_HOME: home } : {},
  }
}

/** Lines that are gone and that are new; enough for a file in which one table changes. */
function changedLines(before: string, after: string): string[] {
  const old = before.split('\n')
  const fresh = after.split('\n')
  let start = 0
  while (start < Math.min(old.length, fresh.length) && old[start] === fresh[start]) start++
  let end = 0
  while (end < Math.min(old.length, fresh.length) - start && old.at(-1 - end) === fresh.at(-1 - end)) end++
  const between = (lines: string[]) => lines.slice(start, lines.length - end).filter((line) => line.trim() !== '')
  return [...between(old).map((line) => `- ${line}`), ...between(fresh).map((line) => `+ ${line}`)]
}

/** Whole or not at all; through a link to the file that it names, with that file's mode. */
function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const real = existsSync(file) ? realpathSync(file) : file
  const mode = existsSync(real) ? statSync(real).mode & 0o777 : 0o600
  const draft = `${real}.claw-${process.pid}`
  writeFileSync(draft, text, { mode, flag: 'wx' })
  renameSync(draft, real)
}
