import type { Clock } from './clock.ts'

/** What a part logs with. pino's loggers meet it. The message is constant and short; what varies is a field. */
export interface Log {
  debug(fields: object, message?: string): void
  debug(message: string): void
  info(fields: object, message?: string): void
  info(message: string): void
  warn(fields: object, message?: string): void
  warn(message: string): void
  error(fields: object, message?: string): void
  error(message: string): void
  child(fields: Record<string, unknown>): Log
}

/** The clock and the log: all that a part takes from outside besides its named dependencies. */
export interface World {
  readonly clock: Clock
  readonly log: Log
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
}
