import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Log } from '../../core/world.ts'
import { openDoor } from './door.ts'
import { loopbackPorts } from './host-patterns.ts'
import { orderMounts } from './mounts.ts'
import { proxyEnvironment } from './proxy-environment.ts'
import type { Confinement, Sandbox } from './sandbox.ts'

export interface BubblewrapOptions {
  /** Absolute path of bwrap. */
  program: string
  /** The Claw home: token, database, every run's worktree. */
  clawHome: string
  /** The owner's HOME, wherever it is. */
  ownerHome: string
  /** Whether this bwrap can limit the size of a private folder in memory. */
  limitsScratch: boolean
  /** A Node for the bridge between a network of its own and its door. */
  node: string
  /** Where doors are; only the daemon's user may look into it. */
  doorDir: string
  /** Patterns of hosts that no reach opens. */
  deniedHosts: readonly string[]
  log: Log
}

/**
 * Hidden from everything that Claw starts. Homes hold keys and logins; sockets under /run lead
 * out of any sandbox (docker, D-Bus, ssh-agent); the rest is readable by root alone, which the
 * daemon may be.
 */
const HIDDEN = [
  '/home',
  '/root',
  '/run',
  '/var/run',
  '/media',
  '/mnt',
  '/var/lib/docker',
  '/var/lib/containerd',
  '/var/lib/systemd/credential.secret',
  '/var/spool/cron',
  '/var/mail',
  '/var/spool/mail',
  '/etc/shadow',
  '/etc/shadow-',
  '/etc/gshadow',
  '/etc/gshadow-',
  '/etc/ssl/private',
  '/etc/ssh',
  '/etc/sudoers',
  '/etc/sudoers.d',
]

const SCRATCH = ['/tmp', '/var/tmp', '/dev/shm']
const SCRATCH_BYTES_MAX = 1024 * 1024 * 1024

/**
 * Confines with Linux namespaces: everything read-only, homes and the Claw home not even
 * visible, its own /tmp, /proc and process numbers; with network `none` only a loopback of its own.
 * With a reach the loopback of its own has a proxy on it that leads to a door of the daemon's (door.ts), and the
 * ports of the real one that the reach names.
 *
 * The environment goes to bwrap itself and is inherited, never put on the command line, where
 * every user of the machine could read it. The program dies with the daemon and with its first
 * process. No new session is made: it has no terminal, and one process group stays one.
 */
export function createBubblewrapSandbox(options: BubblewrapOptions): Sandbox {
  return {
    name: 'bubblewrap',
    words:
      'Agents and checks run under bubblewrap: they write only in their own worktree, HOME and TMPDIR, see neither the Claw home nor any other home nor other processes, and connect only to their model, their tools and hosts that you allow.',
    async confine(argv, confinement) {
      const { network } = confinement
      if (typeof network === 'string') {
        return {
          argv: [options.program, ...flags(options, confinement, []), '--', ...argv],
          env: { ...confinement.env },
          async [Symbol.asyncDispose]() {},
        }
      }
      const door = await openDoor({ log: options.log, dir: options.doorDir, denied: options.deniedHosts }, network)
      const ports = loopbackPorts(network.hosts)
      const proxyPort = PROXY_PORTS.find((port) => !ports.includes(port))!
      const sshFile = `${door.socketFile}.ssh`
      writeFileSync(sshFile, sshConfig(options.node), { mode: 0o600 })
      const bridge = [options.node, BRIDGE_FILE, 'listen', DOOR, String(proxyPort), ...ports.map(String)]
      const extra = [
        ['--ro-bind', door.socketFile, DOOR],
        ['--ro-bind', sshFile, '/etc/ssh/ssh_config'],
      ].flat()
      return {
        argv: [
          options.program,
          ...flags(options, { ...confinement, readable: [...confinement.readable, options.node, BRIDGE_FILE] }, extra),
          '--',
          ...['/bin/sh', '-c', withBridge(bridge.length), 'sh', ...bridge],
          ...argv,
        ],
        env: { ...proxyEnvironment(proxyPort), ...confinement.env },
        async [Symbol.asyncDispose]() {
          await door[Symbol.asyncDispose]()
          await rm(sshFile, { force: true })
        },
      }
    },
  }
}

const BRIDGE_FILE = fileURLToPath(new URL('./bridge.mjs', import.meta.url))
/** Where a door is seen from inside. */
const DOOR = '/run/claw/door'
/** The first that the reach does not need for itself. */
const PROXY_PORTS = Array.from({ length: 65 }, (_, n) => 3128 + n)

/**
 * Starts the bridge beside the program, as nobody's child, waits until it listens (it then closes its output), and
 * becomes the program. The first `count` arguments are the bridge's.
 */
function withBridge(count: number): string {
  const bridge = Array.from({ length: count }, (_, n) => `"\${${n + 1}}"`).join(' ')
  return `: "$( (exec ${bridge} </dev/null 2>/dev/null &) )"; shift ${count}; exec "$@"`
}

/** ssh takes no proxy from the environment. */
function sshConfig(node: string): string {
  return `Host *\n  ProxyCommand "${node}" "${BRIDGE_FILE}" connect ${DOOR} %h %p\n`
}

function flags(options: BubblewrapOptions, confinement: Confinement, extra: readonly string[]): string[] {
  const mounts = orderMounts({
    hidden: [...HIDDEN, options.clawHome, options.ownerHome, ...confinement.hidden].filter((path) => path !== '/'),
    scratch: SCRATCH,
    readable: confinement.readable,
    writable: confinement.writable,
  })
  const scratch = options.limitsScratch ? ['--size', String(SCRATCH_BYTES_MAX)] : []
  return [
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    ...(confinement.network !== 'host' ? ['--unshare-net'] : []),
    '--die-with-parent',
    '--cap-drop',
    'ALL',
    '--ro-bind',
    '/',
    '/',
    '--proc',
    '/proc',
    // bwrap leaves /proc/sys writable for a root without capabilities: a core_pattern is a way out.
    '--ro-bind',
    '/proc/sys',
    '/proc/sys',
    '--dev',
    '/dev',
    ...mounts.flatMap(({ path, as, kind }) => {
      if (as === 'writable') return ['--bind', path, path]
      if (as === 'readable') return ['--ro-bind', path, path]
      if (kind === 'file') return ['--ro-bind', '/dev/null', path]
      return as === 'scratch' ? [...scratch, '--perms', '1777', '--tmpfs', path] : ['--tmpfs', path]
    }),
    ...extra,
    '--remount-ro',
    '/dev',
    // Only now, when the mount points below them have been made.
    ...mounts
      .filter((mount) => mount.as === 'hidden' && mount.kind === 'folder')
      .flatMap((mount) => ['--remount-ro', mount.path]),
    '--chdir',
    confinement.cwd,
  ]
}
