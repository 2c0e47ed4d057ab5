import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { World } from '../../core/world.ts'
import type { Containment } from '../processes/containment.ts'
import { type CommandEnd, runCommand } from '../processes/run-command.ts'
import type { AskHost, Reach, Sandbox } from '../sandbox/sandbox.ts'
import type { Recipe } from './recipe.ts'
import { cacheEnvironment } from './toolchain.ts'

/** A checkout and the folders that belong to it alone. All exist. */
export interface Room {
  checkout: string
  home: string
  tmp: string
  /** Toolchain caches (see dependency-cache.ts). */
  toolchain: string
}

export interface ShellOptions {
  room: Room
  /** Given to a shell at the top of the checkout. */
  command: string
  recipe: Recipe
  /** `setup`: also to package registries. Where to is in the deps; `askHost` answers for the rest. */
  network: false | 'check' | 'setup'
  askHost?: AskHost | undefined
  timeoutMs: number
  /** Unique to this command; whatever carries it is dead when the command has ended. */
  runId: string
  env?: Readonly<Record<string, string>>
  outputBytesMax?: number
  signal?: AbortSignal | undefined
  onOutput?(chunk: Buffer): void | Promise<void>
}

/** Runs a shell command confined to a room. An exit code is an answer, not a fault. */
export type ConfinedShell = (options: ShellOptions) => Promise<CommandEnd>

export interface ConfinedShellDeps {
  world: World
  sandbox: Sandbox
  /** The daemon's PATH. */
  path: string
  /** Toolchains in the owner's HOME that stay visible (findToolchains), and Claw's clones. */
  readable: readonly string[]
  /** What programs with network may connect to: all of them, and set-up commands besides. */
  hosts?: { always: readonly string[]; setup: readonly string[] }
  /** Keeps commands within their limits; without it they have none. */
  containment?: Containment
  /** Output that ends a command. */
  outputBytesEnd?: number
  /** From toolchainEnvironment. */
  toolchainEnv: Readonly<Record<string, string>>
}

/**
 * The one way in which set-up commands and checks are run: environment from nothing, private
 * HOME and TMPDIR, no network unless said. With bash a failure inside a pipe or before a `;`
 * counts; with a bare sh only the latter.
 */
export function createConfinedShell(deps: ConfinedShellDeps): ConfinedShell {
  const { world, sandbox } = deps
  const bash = deps.path.split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, 'bash')))
  return async (options) => {
    const { room } = options
    const argv: [string, ...string[]] = bash
      ? ['bash', '--noprofile', '--norc', '-eo', 'pipefail', '-c', options.command]
      : ['sh', '-ec', options.command]
    const writable = [room.checkout, room.home, room.tmp, room.toolchain]
    await using confined = await sandbox.confine(argv, {
      cwd: room.checkout,
      writable,
      readable: deps.readable,
      hidden: [],
      network: reachOf(deps.hosts, options),
      env: { ...roomEnvironment(deps, room, options.recipe, options.network !== false), ...options.env },
    })
    using watch = deps.containment?.watch({ runId: options.runId, folders: writable })
    const signals = [options.signal, watch?.overrun].filter((signal) => signal !== undefined)
    const end = await runCommand(
      { clock: world.clock },
      {
        argv: watch?.wrap(confined.argv) ?? confined.argv,
        env: confined.env,
        cwd: room.checkout,
        runId: options.runId,
        timeoutMs: options.timeoutMs,
        outputBytesMax: options.outputBytesMax ?? 0,
        ...(deps.outputBytesEnd === undefined ? {} : { outputBytesEnd: deps.outputBytesEnd }),
        signal: AbortSignal.any(signals),
        ...(options.onOutput ? { onOutput: options.onOutput } : {}),
      },
    )
    // Whoever reads only the output must see why it stops.
    const overrun = end.overrun ?? (end.exitCode === 0 ? null : (watch?.findOverrun()?.message ?? null))
    return overrun === null ? end : { ...end, overrun, tail: `${end.tail}\n${overrun}\n` }
  }
}

function reachOf(hosts: ConfinedShellDeps['hosts'], { network, askHost }: ShellOptions): 'none' | Reach {
  if (network === false) return 'none'
  return {
    hosts: [...(hosts?.always ?? []), ...(network === 'setup' ? (hosts?.setup ?? []) : [])],
    ...(askHost ? { ask: askHost } : {}),
  }
}

/** The whole environment of what runs in a room; agents get it too. */
export function roomEnvironment(
  deps: Pick<ConfinedShellDeps, 'path' | 'toolchainEnv'>,
  room: Room,
  recipe: Recipe,
  network: boolean,
): Record<string, string> {
  return {
    ...deps.toolchainEnv,
    ...cacheEnvironment(room.toolchain, recipe.ecosystems),
    ...(network ? {} : OFFLINE),
    PATH: [...recipe.pathFolders.map((folder) => join(room.checkout, folder)), deps.path].join(delimiter),
    HOME: room.home,
    TMPDIR: room.tmp,
    CI: '1',
    TERM: 'dumb',
    NO_COLOR: '1',
  }
}

/** Says at once what would otherwise be a long wait for a network that is not there. */
const OFFLINE = {
  CARGO_NET_OFFLINE: 'true',
  GOPROXY: 'off',
  npm_config_offline: 'true',
  PIP_NO_INDEX: '1',
  UV_OFFLINE: '1',
}
