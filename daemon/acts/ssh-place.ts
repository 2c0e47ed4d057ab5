import { existsSync } from 'node:fs'
import { lstat, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Act, ActHost } from '../../core/act.ts'
import { SECOND } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import { runCommand } from '../processes/run-command.ts'
import { startOwned } from '../processes/start-owned.ts'
import { stopOwned } from '../processes/stop-owned.ts'
import { findProgram } from '../sandbox/find-sandbox.ts'
import type { Secrets } from '../secrets/secrets.ts'
import { type Entry, knownHostsEntry, sshConfig } from './ssh-config.ts'

/**
 * A place from which ssh reaches the hosts of one act and no others: its own configuration, known hosts and agent.
 *
 * The private keys are read late and go straight into an ssh-agent of the place's own, bound to their host and
 * account; no file holds them, and whoever uses the place can sign for these hosts while it is open and no longer.
 */
export interface SshPlace extends AsyncDisposable {
  /** Holds `bin/` with ssh, scp and sftp as they are to be called, and the agent's socket. */
  folder: string
  bin: string
}

export interface SshPlaceDeps {
  world: World
  table: ProcessTable
  secrets: Pick<Secrets, 'resolve'>
  /** The daemon's PATH. */
  path: string
  ownerHome: string
  /** Short, so that the socket's path fits: the system's folder for temporary files. */
  dir: string
  /** The owner's names for secrets: `deploy` → `file:/keys/deploy`. */
  named: Readonly<Record<string, string>>
  /** Why a reference must be used for nothing; undefined: it may. */
  forbidden(reference: string): string | undefined
}

const READY_MS_MAX = 10 * SECOND
const LOOK_MS = 10
const COMMAND_MS_MAX = 15 * SECOND
/**
 * Ends the agent when stdin is closed: the daemon is gone. An ssh-agent hides its environment from everybody but root,
 * so that one which outlived its daemon could not be found again by what it carries.
 */
const WHILE_HELD = '"$@" & cat >/dev/null; kill $!'
/** A socket's path may have 107 bytes on Linux, 103 elsewhere. */
const SOCKET_PATH_MAX = 100

/**
 * @param name tells places apart that are open at the same time; one of the same name that a crash left is replaced
 * @param owner the id that what runs in it carries, so that it is found after a crash
 * @throws act_not_ready where a key, a host's key or ssh itself is not there; secret_missing, secret_invalid
 */
export async function openSshPlace(
  deps: SshPlaceDeps,
  { act, name, owner }: { act: Act; name: string; owner: string },
): Promise<SshPlace> {
  const programs = Object.fromEntries(
    ['ssh', 'scp', 'sftp', 'ssh-agent', 'ssh-add', 'ssh-keygen'].map((program) => [
      program,
      needProgram(deps, program),
    ]),
  ) as Record<string, string>
  const keys = await readKeys(deps, act)
  const folder = join(deps.dir, `claw-ssh-${name}`)
  if (folder.length > SOCKET_PATH_MAX - 6)
    throw new Fault('act_not_ready', `the path ${folder} is too long for an ssh agent's socket`, {
      hint: 'Give the daemon a shorter TMPDIR.',
    })
  await using parts = new AsyncDisposableStack()
  await makeFolder(folder)
  parts.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))

  const knownHosts = join(folder, 'known_hosts')
  const config = join(folder, 'config')
  const socket = join(folder, 'agent')
  const bin = join(folder, 'bin')
  await mkdir(bin, { mode: 0o700 })
  const known = await Promise.all(act.hosts.map((host) => findHostKeys(deps, programs['ssh-keygen']!, host, owner)))
  await writeFile(knownHosts, known.flat().join(''), { mode: 0o600 })
  const entries: Entry[] = []
  for (const program of ['ssh', 'scp', 'sftp'])
    await writeFile(join(bin, program), `#!/bin/sh\nexec '${programs[program]}' -F '${config}' "$@"\n`, { mode: 0o700 })

  const agent = await startOwned(
    { table: deps.table },
    {
      argv: ['/bin/sh', '-c', WHILE_HELD, 'sh', programs['ssh-agent']!, '-D', '-a', socket],
      cwd: folder,
      env: { PATH: deps.path },
      runId: owner,
    },
  )
  parts.defer(async () => {
    await stopOwned({ clock: deps.world.clock, table: deps.table }, agent, { graceMs: 0 })
  })
  agent.stdout.resume()
  agent.stderr.resume()
  agent.release()
  await untilThere(deps, socket)
  for (const [n, [key, hosts]] of [...keys].entries()) {
    // One of several keys is chosen by its public half: each host is logged in to with its own and no other.
    const publicKey = join(folder, `key-${n + 1}.pub`)
    await writeFile(publicKey, await addKey(deps, programs['ssh-add']!, { key, hosts, knownHosts, socket, owner }))
    entries.push(...hosts.map((host) => ({ host, publicKey })))
  }
  await writeFile(config, sshConfig(entries, { knownHosts, socket }), { mode: 0o600 })
  const owned = parts.move()
  return { folder, bin, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function needProgram({ path }: SshPlaceDeps, name: string): string {
  const program = findProgram(name, path)
  if (program) return program
  throw new Fault('act_not_ready', `${name} is not installed, and hosts are reached by it`, {
    hint: 'Install the OpenSSH client (Debian: openssh-client).',
  })
}

/** The hosts of each key: one that opens several doors is bound to all of them at once. */
async function readKeys({ secrets, named, forbidden }: SshPlaceDeps, act: Act): Promise<Map<string, ActHost[]>> {
  const keys = new Map<string, ActHost[]>()
  for (const host of act.hosts) {
    const reference = named[host.key] ?? host.key
    const why = forbidden(reference)
    if (why !== undefined) throw new Fault('act_not_ready', `the key for ${host.name} cannot be used: ${why}`)
    const key = await secrets.resolve(reference)
    keys.set(key, [...(keys.get(key) ?? []), host])
  }
  return keys
}

/** A folder that is ours alone; what a crash left under the name goes first, what is somebody else's is not touched. */
async function makeFolder(folder: string): Promise<void> {
  const found = await lstat(folder).catch(() => undefined)
  if (found && (!found.isDirectory() || (process.getuid && found.uid !== process.getuid())))
    throw new Fault('path_unsafe', `${folder} is in the way, and it is not ours`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { mode: 0o700 })
}

/** From the plan, else as the owner has known the host so far. Nobody is trusted at first sight. */
async function findHostKeys(deps: SshPlaceDeps, keygen: string, host: ActHost, owner: string): Promise<string[]> {
  if (host.hostKey !== null) return [knownHostsEntry(host, host.hostKey)]
  const file = join(deps.ownerHome, '.ssh', 'known_hosts')
  const name = host.port === 22 ? host.address : `[${host.address}]:${host.port}`
  const lines: string[] = []
  if (existsSync(file)) {
    const said: Buffer[] = []
    await runCommand(deps.world, {
      argv: [keygen, '-F', name, '-f', file],
      cwd: '/',
      env: { PATH: deps.path },
      runId: `${owner}/host-${host.name}`,
      timeoutMs: COMMAND_MS_MAX,
      outputBytesMax: 64 * 1024,
      onOutput: (chunk) => void said.push(Buffer.from(chunk)),
    })
    for (const line of Buffer.concat(said).toString('utf8').split('\n')) {
      const [first = '', type, key] = line.split(/\s+/)
      if (type && key && !/^[#@]/.test(first)) lines.push(knownHostsEntry(host, `${type} ${key}`))
    }
  }
  if (lines.length > 0) return lines
  throw new Fault(
    'act_not_ready',
    `the host ${host.name} (${name}) is not known: its key is in neither the plan nor ${file}`,
    {
      hint: `Log in once by yourself (ssh ${name}), or give its hostKey in the plan.`,
    },
  )
}

async function untilThere({ world }: SshPlaceDeps, file: string): Promise<void> {
  for (let waited = 0; !existsSync(file); waited += LOOK_MS) {
    if (waited > READY_MS_MAX) throw new Fault('act_not_ready', 'the ssh agent did not start')
    await world.clock.sleep(LOOK_MS)
  }
}

/** Answers the public half. */
async function addKey(
  deps: SshPlaceDeps,
  sshAdd: string,
  of: { key: string; hosts: ActHost[]; knownHosts: string; socket: string; owner: string },
): Promise<string> {
  const before = new Set(await listKeys(deps, sshAdd, of))
  const bound = of.hosts.flatMap((host) => ['-h', `${host.user}@${host.name}`])
  const { exitCode, tail } = await runCommand(deps.world, {
    argv: [sshAdd, '-q', '-H', of.knownHosts, ...bound, '-'],
    cwd: '/',
    env: { PATH: deps.path, SSH_AUTH_SOCK: of.socket, SSH_ASKPASS_REQUIRE: 'never' },
    runId: `${of.owner}/key`,
    timeoutMs: COMMAND_MS_MAX,
    outputBytesMax: 0,
    input: `${of.key.trimEnd()}\n`,
  })
  const added = exitCode === 0 ? (await listKeys(deps, sshAdd, of)).find((line) => !before.has(line)) : undefined
  if (added) return `${added}\n`
  const names = of.hosts.map(({ key, name }) => `${key} for ${name}`).join(', ')
  throw new Fault(
    'act_not_ready',
    `the key ${names} cannot be used: ${tail.trim().split('\n').at(-1)?.slice(0, 200) ?? ''}`,
    {
      hint: 'It must be a private key without a passphrase; OpenSSH 8.9 or later is needed to bind it to its host.',
    },
  )
}

async function listKeys(
  deps: SshPlaceDeps,
  sshAdd: string,
  { socket, owner }: { socket: string; owner: string },
): Promise<string[]> {
  const said: Buffer[] = []
  await runCommand(deps.world, {
    argv: [sshAdd, '-L'],
    cwd: '/',
    env: { PATH: deps.path, SSH_AUTH_SOCK: socket },
    runId: `${owner}/keys`,
    timeoutMs: COMMAND_MS_MAX,
    outputBytesMax: 1024 * 1024,
    onOutput: (chunk) => void said.push(Buffer.from(chunk)),
  })
  const lines = Buffer.concat(said).toString('utf8').split('\n')
  return lines.filter((line) => /^(ssh|ecdsa|sk)-/.test(line))
}
