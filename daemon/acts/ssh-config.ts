import { isIP } from 'node:net'
import type { ActHost } from '../../core/act.ts'

/**
 * What ssh is told of a declared host. Pure. The first value of a key wins in ssh_config, so what stands here holds
 * against the entry for all others.
 */
export function hostEntry(
  host: ActHost,
  { knownHosts, socket, connect, publicKey }: Record<'knownHosts' | 'socket' | 'connect' | 'publicKey', string>,
): string {
  return [
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
    // In a network of its own whoever is not on the loopback is reached by way of the sandbox's proxy.
    `  ProxyCommand ${isLoopback(host.address) ? 'none' : `${connect} %h %p`}`,
    '',
  ].join('\n')
}

/** Every other name: a plain word instead of a wait. */
export const REFUSE_OTHERS = [
  'Host *',
  '  ProxyCommand /bin/sh -c "echo \'%n is no host that this task declares\' >&2; exit 1"',
  '  BatchMode yes',
  '  IdentityFile none',
  '  IdentityAgent none',
  '  StrictHostKeyChecking yes',
  '  UserKnownHostsFile /dev/null',
  '',
].join('\n')

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
