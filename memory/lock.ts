import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../core/fault.ts'

/**
 * Makes one process the owner of a folder: an exclusive transaction held on an empty
 * database, which the kernel frees whenever and however the process ends.
 *
 * @param waitMs how long an owner that is just ending is waited for
 * @throws memory_locked
 */
export function lockFolder(file: string, waitMs: number): Disposable {
  const db = new DatabaseSync(file, { timeout: waitMs })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    throw new Fault('memory_locked', `another process has the memory open (${file} is locked)`, {
      cause,
      hint: 'Only one Claw daemon can use a memory folder; ask that one.',
    })
  }
  return { [Symbol.dispose]: () => db.close() }
}
