import { homedir } from 'node:os'
import { findPaths, type Paths } from '../config/paths.ts'
import { Interrupted } from './exit.ts'
import { type Paint, painter } from './text.ts'

/** What a command sees of the process: where data and chatter go, who is there, and when to stop. */
export interface Surface {
  paths: Paths
  cwd: string
  env: NodeJS.ProcessEnv
  /** Data as JSON on stdout. */
  isJson: boolean
  /** Whether somebody can be asked: both ends are a terminal, and no JSON is wanted. */
  canAsk: boolean
  stdout: NodeJS.WriteStream
  stdin: NodeJS.ReadStream
  /** Colour for stdout, and for stderr. */
  paint: Paint
  paintErr: Paint
  /** Columns that data may take: the terminal's, less one so that nothing wraps; 100 elsewhere. */
  width(): number
  now(): number
  /** Data: a line on stdout. */
  print(line: string): void
  /** Data for a program. */
  printJson(value: unknown): void
  /** Chatter: a line on stderr. */
  say(line: string): void
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
}

export function openSurface(options: { isJson: boolean }): Surface {
  const { stdout, stderr, stdin, env } = process
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort(new Interrupted('interrupted')))
  return {
    paths: findPaths(env, homedir()),
    cwd: process.cwd(),
    env,
    isJson: options.isJson,
    canAsk: stdin.isTTY === true && stdout.isTTY === true && !options.isJson,
    stdout,
    stdin,
    paint: painter(wantsColor(stdout, env)),
    paintErr: painter(wantsColor(stderr, env)),
    width: () => (stdout.isTTY && stdout.columns > 0 ? Math.max(40, stdout.columns - 1) : 100),
    now: () => Date.now(),
    print: (line) => void stdout.write(`${line}\n`),
    printJson: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    say: (line) => void stderr.write(`${line}\n`),
    signal: interrupt.signal,
  }
}

/** NO_COLOR (any value) says no, FORCE_COLOR says yes, else a terminal that is not dumb. */
export function wantsColor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}
