import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../core/fault.ts'

/**
 * The kernel lock that makes one process the owner of a home: an exclusive transaction held on an
 * empty database of its own (Node has no flock). kill -9 frees it.
 *
 * @throws home_locked
 */
export function lockHome(file: string): Disposable {
  const database = new DatabaseSync(file)
  try {
    database.exec('pragma busy_timeout = 0; begin exclusive')
  } catch (error) {
    database.close()
    throw new Fault('home_locked', `another Claw daemon is running on this home (${file} is locked)`, {
      cause: error,
      hint: 'Use that one (`claw status`), stop it (`claw daemon stop`), or set CLAW_HOME to another folder.',
    })
  }
  return { [Symbol.dispose]: () => database.close() }
}
