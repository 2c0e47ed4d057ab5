import { orderMounts } from './mounts.ts'
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

const SCRATCH = ['/tmp', '/var/tmp']
const SCRATCH_BYTES_MAX = 1024 * 1024 * 1024

/**
 * Confines with Linux namespaces: everything read-only, homes and the Claw home not even
 * visible, its own /tmp, /proc and process numbers; with network `none` only a loopback of its own.
 *
 * The environment goes to bwrap itself and is inherited, never put on the command line, where
 * every user of the machine could read it. The program dies with the daemon and with its first
 * process. No new session is made: it has no terminal, and one process group stays one.
 */
export function createBubblewrapSandbox(options: BubblewrapOptions): Sandbox {
  return {
    name: 'bubblewrap',
    words:
      'Agents and checks run under bubblewrap: they write only in their own worktree, HOME and TMPDIR, and see neither the Claw home nor any other home.',
    async confine(argv, confinement) {
      return {
        argv: [options.program, ...flags(options, confinement), '--', ...argv],
        env: { ...confinement.env },
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}

function flags(options: BubblewrapOptions, confinement: Confinement): string[] {
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
    ...(confinement.network === 'none' ? ['--unshare-net'] : []),
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
    // Only now, when the mount points below them have been made.
    ...mounts
      .filter((mount) => mount.as === 'hidden' && mount.kind === 'folder')
      .flatMap((mount) => ['--remount-ro', mount.path]),
    '--chdir',
    confinement.cwd,
  ]
}
