import { execFile } from 'node:child_process'

const OUTPUT_BYTES_MAX = 64 * 1024
/** A keyring that wants to be unlocked asks on the screen; nobody may be there. */
const ANSWER_MS_MAX = 20_000

/**
 * Runs a program that knows a secret and answers what it printed; undefined where it failed. Rejects where it
 * cannot be started. What it printed stands in no error and no log.
 */
export function createRunProgram(env: Readonly<Record<string, string | undefined>>) {
  return ([program, ...args]: readonly [string, ...string[]]): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      const options = {
        env: { ...env },
        timeout: ANSWER_MS_MAX,
        maxBuffer: OUTPUT_BYTES_MAX,
        killSignal: 'SIGKILL',
      } as const
      execFile(program, args, options, (error, stdout) => {
        if (error?.code === 'ENOENT' || error?.code === 'EACCES') reject(new Error(`${program} cannot be started`))
        else resolve(error ? undefined : stdout)
      })
    })
}
