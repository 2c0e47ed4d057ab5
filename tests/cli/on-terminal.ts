import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { LAUNCHER } from './run-claw.ts'

/** Whether there is a program here that makes a terminal. */
export const hasTerminal = existsSync('/usr/bin/script')

export interface OnTerminal {
  code: number | null
  text: string
  /** Of the answers, those that nobody asked for. */
  left: [RegExp, string][]
}

/** The command line on a terminal of its own; types each answer when its question has appeared. */
export function onTerminal(
  args: readonly string[],
  answers: [RegExp, string][],
  { home, env = {}, timeoutMs = 100_000 }: { home: string; env?: Record<string, string>; timeoutMs?: number },
): Promise<OnTerminal> {
  // A pseudo-terminal of `script` has no size of its own, and everything would be wrapped at one column.
  const line = `stty cols 200 rows 50; ${[process.execPath, LAUNCHER, ...args].join(' ')}`
  const child = spawn('/usr/bin/script', ['-qec', line, '/dev/null'], {
    cwd: home,
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      ...env,
      HOME: home,
      CLAW_HOME: home,
      TZ: 'UTC',
      TERM: 'xterm',
      NO_COLOR: '1',
    },
    timeout: timeoutMs,
  })
  let text = ''
  let seen = 0
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += stripVTControlCharacters(chunk)
    const next = answers[0]
    const at = next ? text.slice(seen).search(next[0]) : -1
    if (!next || at < 0) return
    seen = text.length
    answers.shift()
    // As a person would: after a moment's look at it.
    setTimeout(() => child.stdin.write(next[1]), 500)
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, text, left: answers })))
}
