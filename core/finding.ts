/** One line of `claw doctor`: what was looked at, how it stands, and how to mend it. */
export interface Finding {
  what: string
  level: 'ok' | 'warn' | 'fail'
  words: string
  /** How to mend it. */
  mend?: string
  /** `--fix` can mend it without asking, and nothing of worth can be lost by that. */
  fixable?: boolean
  /** `--fix` has just mended it. */
  mended?: boolean
}
