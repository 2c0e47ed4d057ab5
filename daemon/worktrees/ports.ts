/** Below the range that Linux and macOS hand out to outgoing connections. */
export const PORTS_FROM = 20_000
export const PORTS_PER_WORKTREE = 10
const PORTS_TO = 32_000

/**
 * Ports for one worktree: a block of its own by its index, so that two worktrees do not meet,
 * without the ones that somebody listens on. Pure. Answers fewer than asked for only where the
 * whole range is taken.
 */
export function allotPorts(index: number, count: number, isFree: (port: number) => boolean): number[] {
  const blocks = Math.floor((PORTS_TO - PORTS_FROM) / PORTS_PER_WORKTREE)
  const ports: number[] = []
  for (let block = 0; block < blocks && ports.length < count; block++) {
    const first = PORTS_FROM + ((index + block) % blocks) * PORTS_PER_WORKTREE
    for (let port = first; port < first + PORTS_PER_WORKTREE && ports.length < count; port++) {
      if (isFree(port)) ports.push(port)
    }
  }
  return ports
}
