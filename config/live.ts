/** Which keys of the configuration take effect while the daemon works; the others do at its next start. */
import type { Config } from './schema.ts'

export const LIVE_KEYS: ReadonlySet<string> = new Set([
  'log.level',
  'runs.max',
  'runs.perRepositoryMax',
  'agents.perAgentMax',
])

/** The paths of what differs, in the order of the schema: `runs.max`. A table of the owner's names is one value. */
export function changedKeys(before: Readonly<Config>, after: Readonly<Config>): string[] {
  const keys: string[] = []
  for (const section of Object.keys(after) as (keyof Config)[]) {
    const [was, is] = [before[section], after[section]] as unknown as Record<string, unknown>[]
    if (same(was, is)) continue
    // Absent (null) or a table as a whole: `model`, `upstreams`.
    const isSection = isPlain(was) && isPlain(is) && Object.keys(was).every((key) => key in is)
    if (!isSection) keys.push(section)
    else for (const key of Object.keys(is)) if (!same(was[key], is[key])) keys.push(`${section}.${key}`)
  }
  return keys
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
