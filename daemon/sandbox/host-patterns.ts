import { isIP } from 'node:net'
import type { Host } from './sandbox.ts'

/**
 * Which hosts a list of patterns names. Pure.
 *
 * `example.org`, `*.example.org` (below it, not itself), either with `:port`, an address, `*`. The loopback of this
 * machine, where the daemon itself listens, is only ever named by an address (or `localhost`) with its port.
 */
export function namesHost(patterns: readonly string[], { host, port }: Host): boolean {
  const isLocal = isLoopback(host)
  return patterns.some((pattern) => {
    const wanted = parsePattern(pattern)
    if (wanted === undefined || (wanted.port !== null && wanted.port !== port)) return false
    if (isLocal) return wanted.port !== null && isLoopback(wanted.host)
    if (wanted.host === '*') return true
    if (wanted.host.startsWith('*.')) return host.endsWith(wanted.host.slice(1)) && host.length >= wanted.host.length
    return wanted.host === host
  })
}

/** The ports of the loopback that patterns name: they answer inside a network of its own under the same numbers. */
export function loopbackPorts(patterns: readonly string[]): number[] {
  const ports = patterns.flatMap((pattern) => {
    const { host, port } = parsePattern(pattern) ?? { host: '', port: null }
    return port !== null && isLoopback(host) ? [port] : []
  })
  return [...new Set(ports)]
}

/** Undefined for what is no pattern. `[::1]:80`, `::1`, `*.example.org:443`. */
export function parsePattern(pattern: string): { host: string; port: number | null } | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/i.exec(pattern)
  const bare = found ? undefined : isIP(pattern) === 6 ? pattern : undefined
  const host = (found?.[1] ?? found?.[2] ?? bare)?.toLowerCase()
  if (host === undefined || !/^(\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]+)$/.test(host)) return undefined
  const port = found?.[3] === undefined ? null : Number(found[3])
  return port !== null && (port < 1 || port > 65535) ? undefined : { host, port }
}

/** What leads back to this machine, or to what only this machine may reach (a cloud's metadata service). */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  if (isIP(host) === 0) return false
  const address = host.replace(/^::ffff:(?=\d+\.)/i, '')
  if (isIP(address) === 4) return /^(0\.|127\.|169\.254\.)/.test(address)
  return address === '::1' || address === '::' || /^fe[89ab]/i.test(address) || /^::ffff:(7f|0|a9fe)/i.test(address)
}
