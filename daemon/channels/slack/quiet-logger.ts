import { type Logger, LogLevel } from '@slack/web-api'

/** The libraries log whole requests, with keys and people's words. What matters of it reaches us as errors. */
export const quietLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  setName() {},
  getLevel: () => LogLevel.ERROR,
}
