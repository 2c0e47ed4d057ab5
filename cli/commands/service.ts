/** `claw daemon install | uninstall | restart`: the daemon in the hands of the machine's own supervisor. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute } from 'node:path'
import { loadConfig } from '../../config/load.ts'
import { Fault } from '../../core/fault.ts'
import { answers } from '../daemon.ts'
import { EXIT, usage } from '../exit.ts'
import {
  factsOf,
  findService,
  freePort,
  planFor,
  portOfSocket,
  readIfThere,
  runCommands,
  tryCommand,
} from '../service/find-service.ts'
import type { Surface } from '../surface.ts'

export interface InstallOptions {
  dryRun?: boolean
  credential?: string[]
}

/** Doing it again writes the same files again; a running daemon of another kind is asked to be stopped first. */
export async function install(surface: Surface, options: InstallOptions): Promise<number> {
  const config = loadConfig(surface.paths.configFile, surface.env)
  const credentials = Object.fromEntries((options.credential ?? []).map(readCredential))
  const draft = planFor(factsOf(surface, { port: 0, credentials }))
  if (!draft) {
    throw new Fault('input_invalid', 'There is no systemd, launchd or Task Scheduler here', {
      hint: 'Start it with: claw daemon start, or under the supervisor you have: claw daemon run',
    })
  }
  const before = draft.files.map(({ path }) => readIfThere(path)).find((text) => text && portOfSocket(text))
  const port = config.http.port || (before && portOfSocket(before)) || (await freePort())
  const plan = planFor(factsOf(surface, { port, credentials }))!
  if (options.dryRun) {
    if (surface.isJson) surface.printJson(plan)
    else {
      for (const { path, content } of plan.files) surface.print(`# ${path}\n${content}`)
      for (const command of plan.install) surface.print(`# then: ${command.join(' ')}`)
    }
    return EXIT.ok
  }
  if (!findService(surface) && (await answers(surface.paths))) {
    throw new Fault('home_locked', 'A daemon runs already', { hint: 'Stop it first: claw daemon stop' })
  }
  mkdirSync(surface.paths.logsDir, { recursive: true, mode: 0o700 })
  for (const { path, content } of plan.files) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(
      path,
      plan.kind === 'task-scheduler' ? `\ufeff${content}` : content,
      plan.kind === 'task-scheduler' ? 'utf16le' : 'utf8',
    )
    surface.say(`wrote ${path}`)
  }
  await runCommands(plan.install, surface.env)
  for (const note of [...plan.notes, ...keyNotes(surface, credentials), ...nodeNotes()]) surface.say(note)
  if (surface.isJson) surface.printJson({ installed: plan.kind, files: plan.files.map(({ path }) => path), port })
  else surface.print(`Installed with ${plan.kind}; it runs and will be started again. See: claw daemon status`)
  return EXIT.ok
}

export async function uninstall(surface: Surface, options: { dryRun?: boolean }): Promise<number> {
  const plan = findService(surface)
  if (!plan) {
    if (surface.isJson) surface.printJson({ uninstalled: false })
    else surface.say('No service is installed for this home.')
    return EXIT.ok
  }
  if (options.dryRun) {
    for (const command of plan.uninstall) surface.print(command.join(' '))
    for (const { path } of plan.files) surface.print(`rm ${path}`)
    return EXIT.ok
  }
  for (const command of plan.uninstall) {
    const { code, words } = await tryCommand(command, surface.env)
    if (code !== 0) surface.say(`claw: ${command.join(' ')}: ${words}`)
  }
  for (const { path } of plan.files) rmSync(path, { force: true })
  if (plan.kind === 'systemd') await tryCommand(['systemctl', '--user', 'daemon-reload'], surface.env)
  if (surface.isJson) surface.printJson({ uninstalled: true })
  else surface.print('The service is gone; the home and all in it is as it was.')
  return EXIT.ok
}

function readCredential(text: string): [string, string] {
  const [, name, file] = /^([A-Z][A-Z0-9_]*)=(.+)$/.exec(text) ?? []
  if (!name || !file || !isAbsolute(file)) throw usage(`--credential wants NAME=/absolute/file, not ${text}`)
  return [name, file]
}

/** A service does not see what the owner's shell exports. */
function keyNotes({ env }: Surface, credentials: Record<string, string>): string[] {
  const names = Object.keys(env).filter((name) => /^[A-Z]+(_[A-Z]+)*_API_KEY$/.test(name) && !credentials[name])
  return names.map(
    (name) => `${name} is set in this shell; the service does not see it: give --credential ${name}=<file>`,
  )
}

function nodeNotes(): string[] {
  const manager = /[/\\]\.?(nvm|fnm|volta|asdf|mise)[/\\]/.exec(process.execPath)?.[1]
  return manager
    ? [`Node is ${manager}'s (${process.execPath}): after changing versions run claw daemon install again`]
    : []
}
