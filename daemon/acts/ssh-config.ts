import { isIP } from 'node:net'
import type { ActHost } from '../../core/act.ts'

/** Where the place keeps what each host's entry names. */
export interface Entry {
  host: ActHost
  publicKey: string
}

/**
 * What ssh is told of the declared hosts, and that there are no others. Pure. The first value of a key wins in
 * ssh_config, so what stands here holds against the machine's own file, which is read last: inside a sandbox with a
 * network of its own, that file says how ssh gets out.
 */
export function sshConfig(
  entries: readonly Entry[],
  { knownHosts, socket }: { knownHosts: string; socket: string },
): string {
  const hosts = entries.map(({ host, publicKey }) =>
    [
      `Host ${host.name}`,
      `  HostName ${host.address}`,
      `  Port ${host.port}`,
      `  User ${host.user}`,
      `  HostKeyAlias ${host.name}`,
      `  UserKnownHostsFile "${knownHosts}"`,
      '  GlobalKnownHostsFile /dev/null',
      '  StrictHostKeyChecking yes',
      '  UpdateHostKeys no',
      '  CheckHostIP no',
      `  IdentityAgent "${socket}"`,
      `  IdentityFile "${publicKey}"`,
      '  IdentitiesOnly yes',
      '  PreferredAuthentications publickey',
      '  ForwardAgent no',
      '  ControlMaster no',
      '  BatchMode yes',
      '  ConnectTimeout 15',
      '  ServerAliveInterval 15',
      '  ServerAliveCountMax 4',
      // A sandbox answers for a loopback port that may be reached under the same number.
      ...(isLoopback(host.address) ? ['  ProxyCommand none'] : []),
    ].join('\n'),
  )
  const others = ['*', ...entries.map(({ host }) => `!${host.name}`)].join(' ')
  return [
    ...hosts,
    // Every other name: a plain word instead of a wait.
    [
      `Host ${others}`,
      '  ProxyCommand /bin/sh -c "echo \'%n is no host that this task declares\' >&2; exit 1"',
      '  BatchMode yes',
      '  IdentityFile none',
      '  IdentityAgent none',
      '  StrictHostKeyChecking yes',
      '  UserKnownHostsFile /dev/null',
    ].join('\n'),
    'Host *\n  Include /etc/ssh/ssh_config',
    '',
  ].join('\n\n')
}

/** One line of known_hosts, under the host's name in the act. */
export function knownHostsEntry(host: ActHost, key: string): string {
  return `${host.name} ${key}\n`
}

export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}

/** As the sandbox's reach names it. */
export function reachWords({ address, port }: Pick<ActHost, 'address' | 'port'>): string {
  const host = address === 'localhost' ? '127.0.0.1' : address
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}
