import type { Finding } from '../../core/finding.ts'

/** Looks at one thing. What it finds wrong may come with a way to mend it that loses nothing. */
export type Check = () => Diagnosis | Promise<Diagnosis>

export interface Diagnosis extends Finding {
  fix?: () => void | Promise<void>
}

export function ok(what: string, words: string): Diagnosis {
  return { what, level: 'ok', words }
}

export function warn(what: string, words: string, mend: string, fix?: Diagnosis['fix']): Diagnosis {
  return { what, level: 'warn', words, mend, ...(fix ? { fix, fixable: true } : {}) }
}

export function fail(what: string, words: string, mend: string, fix?: Diagnosis['fix']): Diagnosis {
  return { what, level: 'fail', words, mend, ...(fix ? { fix, fixable: true } : {}) }
}

/** Runs a check; with `mend`, mends what can be mended and looks again. */
export async function examine(check: Check, mend: boolean): Promise<Finding> {
  const first = await check()
  if (!mend || !first.fix || first.level === 'ok') return bare(first)
  await first.fix()
  const second = bare(await check())
  return second.level === 'ok' ? { ...second, mended: true } : second
}

function bare({ fix: _, ...finding }: Diagnosis): Finding {
  return finding
}
