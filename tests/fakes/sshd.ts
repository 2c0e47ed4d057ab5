import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../core/clock.ts'

const SSHD = '/usr/sbin/sshd'
/** Debian's own server; where it is not there, its tests say so and are left out. */
export const hasSshd = existsSync(SSHD)
if (!hasSshd) console.error('sshd is not installed here (Debian: openssh-server); tests of work over ssh are left out')

/**
 * A machine to log in to: Debian's sshd on a port of the loopback, with host key, authorized keys, HOME and PATH of
 * its own in a temporary folder. `systemctl` there is a small stand-in that keeps what a unit file names running.
 */
export interface Machine {
  folder: string
  home: string
  port: number
  user: string
  /** The host's public key, as known_hosts has it. */
  hostKey: string
  /** The file of a private key that may log in. */
  keyFile: string
  authorizedKeys: string
  /** A key that nobody knows yet. */
  newKey(name: string): { file: string; line: string }
  /** Names of the units that are kept running. */
  active(): string[]
  /** How often it was logged in to. */
  logins(): number
}

const SYSTEMCTL = `#!/bin/sh
# [--user] start|enable --now|stop|disable --now|is-active UNIT
set -eu
verb=; unit=
for word in "$@"; do
  case $word in --*) ;; *) if [ -z "$verb" ]; then verb=$word; else unit=$word; fi ;; esac
done
pid="$HOME/run/$unit.pid"
alive() { [ -f "$pid" ] && kill -0 "-$(cat "$pid")" 2>/dev/null; }
case $verb in
  daemon-reload) ;;
  is-active) if alive; then echo active; else echo inactive; exit 3; fi ;;
  start | enable)
    command=$(sed -n 's/^ExecStart=//p' "$HOME/.config/systemd/user/$unit")
    [ -n "$command" ]
    alive && exit 0
    mkdir -p "$HOME/run"
    setsid sh -c "echo \\$\\$ > '$pid'; while :; do $command; sleep 0.2; done" >/dev/null 2>&1 </dev/null &
    for n in 1 2 3 4 5 6 7 8 9 10; do [ -f "$pid" ] && break; sleep 0.1; done ;;
  stop | disable) if alive; then kill -9 "-$(cat "$pid")"; fi; rm -f "$pid" ;;
  *) exit 1 ;;
esac
`

export async function startMachine(): Promise<Machine> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'claw-machine-')))
  const home = join(folder, 'home')
  const bin = join(folder, 'bin')
  for (const dir of [home, bin]) mkdirSync(dir)
  writeFileSync(join(bin, 'systemctl'), SYSTEMCTL, { mode: 0o755 })
  const { username, uid } = userInfo()
  // Privilege separation of a server that root starts wants this folder.
  if (uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const newKey = (name: string) => {
    const file = join(folder, name)
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file])
    return { file, line: readFileSync(`${file}.pub`, 'utf8').trim() }
  }
  const host = newKey('host')
  const key = newKey('owner')
  const authorizedKeys = join(folder, 'authorized_keys')
  writeFileSync(authorizedKeys, `${key.line}\n`, { mode: 0o600 })
  const port = await freePort()
  const path = [bin, ...(process.env['PATH'] ?? '/usr/bin:/bin').split(':')].join(':')
  const config = join(folder, 'sshd_config')
  writeFileSync(
    config,
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${host.file}`,
      `PidFile ${join(folder, 'sshd.pid')}`,
      `AuthorizedKeysFile ${authorizedKeys}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'PrintMotd no',
      'LogLevel VERBOSE',
      'MaxStartups 100',
      `SetEnv HOME=${home} PATH=${path}`,
      '',
    ].join('\n'),
  )
  let log = ''
  const server = spawn(SSHD, ['-D', '-e', '-f', config], { env: { PATH: path }, stdio: ['ignore', 'ignore', 'pipe'] })
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  const exited = new Promise((resolve) => server.once('exit', resolve))
  const groups = () =>
    existsSync(join(home, 'run'))
      ? readdirSync(join(home, 'run')).map((name) => ({
          unit: name.replace(/\.pid$/, ''),
          group: Number(readFileSync(join(home, 'run', name), 'utf8')),
        }))
      : []
  onTestFinished(async () => {
    server.kill()
    await exited
    for (const { group } of groups()) if (group > 1) killGroup(group)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  for (let waited = 0; !log.includes('Server listening'); waited += 20) {
    if (waited > 10_000 || server.exitCode !== null) throw new Error(`sshd does not start:\n${log}`)
    await systemClock.sleep(20)
  }
  const hostKey = host.line.split(' ').slice(0, 2).join(' ')
  return {
    folder,
    home,
    port,
    user: username,
    hostKey,
    keyFile: key.file,
    authorizedKeys,
    newKey,
    active: () => groups().flatMap(({ unit, group }) => (isAlive(group) ? [unit] : [])),
    logins: () => [...log.matchAll(/Accepted publickey/g)].length,
  }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // it has ended
  }
}

function isAlive(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch {
    return false
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** What sshd itself says to an account whose home is not there (that of a service, say) is no word of the command. */
export function saidByCommand(words: string | null): string | null {
  return words?.replace(/Could not chdir to home directory [^\n]*\n?/, '') || null
}
