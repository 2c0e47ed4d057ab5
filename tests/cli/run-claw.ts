import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const LAUNCHER = fileURLToPath(new URL('../../cli/claw.js', import.meta.url))

export interface Said {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  home: string
  cwd?: string
  input?: string
  node?: string
  launcher?: string
  env?: Record<string, string>
  /** Longer than it takes on the busiest machine. */
  timeoutMs?: number
  /** Called with everything said on stdout so far; the first signal it answers is sent. */
  onOutput?: (stdout: string, stderr: string) => NodeJS.Signals | undefined
}

/** The real command line as a process of its own, with an environment built from nothing. */
export function claw(args: string[], options: RunOptions): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.node ?? process.execPath, [options.launcher ?? LAUNCHER, ...args], {
      cwd: options.cwd ?? options.home,
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: options.home,
        CLAW_HOME: options.home,
        TZ: 'UTC',
        ...options.env,
      },
      timeout: options.timeoutMs ?? 50_000,
    })
    let stdout = ''
    let stderr = ''
    let isSent = false
    const look = () => {
      const signal = isSent ? undefined : options.onOutput?.(stdout, stderr)
      if (signal) isSent = child.kill(signal)
    }
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
      look()
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
      look()
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.end(options.input ?? '')
  })
}
