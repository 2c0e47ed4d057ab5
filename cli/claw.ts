/** The command line: reads it, runs one command, and says by the exit code how it went. */
import { CommanderError } from 'commander'
import { isFault } from '../core/fault.ts'
import { EXIT, exitCodeOf, Interrupted, Refused } from './exit.ts'
import type { Run } from './options.ts'
import { createProgram } from './program.ts'
import { openSurface } from './surface.ts'
import { oneLine } from './text.ts'

export async function main(argv: readonly string[]): Promise<void> {
  // `claw … | head`: the reader has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    throw error
  })
  const run: Run = async (options, work) => {
    const surface = openSurface({ isJson: options.json === true })
    try {
      process.exitCode = (await work(surface)) ?? EXIT.ok
    } catch (error) {
      process.exitCode = exitCodeOf(error)
      tell(error, options.json === true)
    }
  }
  try {
    await createProgram(run).parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help and version that were asked for are no mistake; everything else commander has said already.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  // A kept-alive connection must not keep the terminal; what was printed is out by now (pipes are synchronous).
  process.exit()
}

/** One line on stderr; with --json the same as an object. A bug shows its stack. */
function tell(error: unknown, isJson: boolean): void {
  if (error instanceof Interrupted) return
  if (isJson) return void process.stderr.write(`${JSON.stringify({ error: asObject(error) })}\n`)
  if (!isFault(error) && !(error instanceof Refused)) {
    return void process.stderr.write(`claw: a bug: ${error instanceof Error ? error.stack : String(error)}\n`)
  }
  const hint = error.hint ? ` — ${oneLine(error.hint)}` : ''
  process.stderr.write(`claw: ${oneLine(error.message)}${hint}\n`)
}

function asObject(error: unknown): object {
  if (error instanceof Refused) return error.problem
  if (isFault(error)) return { code: error.code, detail: error.message, hint: error.hint, details: error.details }
  return { code: 'bug', detail: error instanceof Error ? error.message : String(error) }
}
