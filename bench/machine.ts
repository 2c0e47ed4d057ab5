import { cpus, loadavg, release, totalmem } from 'node:os'
import { DatabaseSync } from 'node:sqlite'

/** What a number depends on beside the code. The load says how far to trust it. */
export interface Machine {
  cores: number
  cpu: string
  memoryGb: number
  system: string
  node: string
  sqlite: string
  /** Over the last minute, when the measurement began. */
  load: number
}

export function readMachine(): Machine {
  const processors = cpus()
  using database = new DatabaseSync(':memory:')
  const { version } = database.prepare('select sqlite_version() as version').get() as { version: string }
  return {
    cores: processors.length,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    sqlite: version,
    load: Math.round(loadavg()[0]! * 100) / 100,
  }
}
