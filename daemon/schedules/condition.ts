import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { Condition, Firing, Schedule } from '../../core/schedule.ts'
import type { World } from '../../core/world.ts'
import { runCommand } from '../processes/run-command.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'

export interface Verdict {
  isMet: boolean
  /** One sentence, for the history. */
  reason: string
}

export type CheckCondition = (
  input: { schedule: Schedule; condition: Condition; firing: Firing },
  signal: AbortSignal,
) => Promise<Verdict>

export interface ConditionDeps {
  world: World
  sandbox: Sandbox
  /** The daemon's PATH. */
  path: string
  /** Tool chains that stay visible. */
  readable: readonly string[]
  /** Where each command gets a HOME and TMPDIR, taken away after it. */
  dir: string
}

const WORDS_MAX = 200

/**
 * Asks a command whether a firing shall make a goal; no model is asked. It is confined: it reads the schedule's
 * repository where that is on this machine, writes nowhere but in a folder that is taken away, and has the network,
 * since "is there something new?" is mostly a question to a server.
 *
 * Exit code 0 says yes, anything else no. Faults: command_failed (it took too long), command_missing (exit code 127).
 */
export function createCondition({ world, sandbox, path, readable, dir }: ConditionDeps): CheckCondition {
  return async ({ schedule, condition, firing }, signal) => {
    const room = join(dir, firing.id)
    const [home, tmp, work] = [join(room, 'home'), join(room, 'tmp'), join(room, 'work')]
    try {
      for (const folder of [home, tmp, work]) await mkdir(folder, { recursive: true, mode: 0o700 })
      const repo = schedule.template.repo
      const isHere = repo?.startsWith('/') === true && (await stat(repo).catch(() => undefined))?.isDirectory() === true
      const cwd = isHere ? repo : work
      await using confined = await sandbox.confine(['sh', '-c', condition.command], {
        cwd,
        writable: [home, tmp, work],
        readable: [...readable, ...(isHere ? [repo] : [])],
        hidden: [],
        network: 'host',
        env: {
          PATH: path,
          HOME: home,
          TMPDIR: tmp,
          TERM: 'dumb',
          NO_COLOR: '1',
          CLAW_SCHEDULE: String(schedule.number),
        },
      })
      const end = await runCommand(
        { clock: world.clock },
        {
          argv: confined.argv,
          env: confined.env,
          cwd,
          runId: firing.id,
          timeoutMs: condition.secondsMax * 1_000,
          outputBytesMax: 0,
          signal,
        },
      )
      if (end.aborted) throw signal.reason
      if (end.timedOut) {
        throw new Fault('command_failed', `the condition did not end within ${condition.secondsMax} s`)
      }
      const said = lastLine(end.tail)
      if (end.exitCode === 127) throw new Fault('command_missing', `the condition cannot be run: ${said}`)
      if (end.exitCode === 0) return { isMet: true, reason: said }
      const how = end.exitCode === null ? `signal ${end.signal}` : `exit code ${end.exitCode}`
      return { isMet: false, reason: `the condition said no (${how})${said === '' ? '' : `: ${said}`}` }
    } finally {
      await rm(room, { recursive: true, force: true })
    }
  }
}

function lastLine(output: string): string {
  return (output.trim().split('\n').at(-1) ?? '').trim().slice(0, WORDS_MAX)
}
