import { createHash } from 'node:crypto'
import type { McpServerConfig } from '../../config/schema.ts'

export type ToolVerdict = 'allow' | 'ask' | 'deny'
export type Taker = 'brain' | 'runs'

/** Whether a server's tools are offered to somebody at all. */
export function isOfferedTo(taker: Taker, server: McpServerConfig): boolean {
  return !server.disabled && server[taker]
}

/**
 * What the owner's configuration says about one tool: its own name first, then the longest pattern that fits
 * (`delete_*`), then the lists that other clients keep, else `ask`. What a server says about its own tools
 * (read only, harmless) decides nothing.
 */
export function verdictOf(tool: string, server: McpServerConfig): ToolVerdict {
  const exact = Object.hasOwn(server.tools, tool) ? server.tools[tool] : undefined
  if (exact) return exact
  const [longest] = Object.keys(server.tools)
    .filter((pattern) => pattern.includes('*') && fits(pattern, tool))
    .sort((a, b) => b.length - a.length)
  if (longest !== undefined) return server.tools[longest]!
  return [...server.alwaysAllow, ...server.autoApprove].some((pattern) => fits(pattern, tool)) ? 'allow' : 'ask'
}

function fits(pattern: string, tool: string): boolean {
  const source = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${source.join('.*')}$`, 's').test(tool)
}

/** Models' providers take 64 characters, of which clients use some for the server's own name. */
const NAME_MAX = 48

/** What models call it: `docs__search`. Unique, whatever the names hold and however long they are. */
export function offeredName(server: string, tool: string): string {
  const plain = `${server}__${tool}`
  const safe = plain.replace(/[^A-Za-z0-9_-]/g, '_')
  if (safe === plain && safe.length <= NAME_MAX) return safe
  const mark = createHash('sha256')
    .update(JSON.stringify([server, tool]))
    .digest('hex')
    .slice(0, 6)
  return `${safe.slice(0, NAME_MAX - 7)}_${mark}`
}
