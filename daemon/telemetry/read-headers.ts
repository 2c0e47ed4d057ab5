import { Fault } from '../../core/fault.ts'
import { parseReference } from '../../core/secret-reference.ts'
import type { Secrets } from '../secrets/secrets.ts'

/** Headers as they are sent: a reference stands for the secret that it names. Throws config_invalid where nothing is there. */
export function readHeaders(
  headers: Readonly<Record<string, string>>,
  secrets: Pick<Secrets, 'find'>,
): Record<string, string> {
  const read = ([name, value]: [string, string]): [string, string] => {
    if (!parseReference(value)) return [name, value]
    const found = secrets.find(value)
    if (typeof found === 'string') return [name, found]
    throw new Fault('config_invalid', `telemetry.otlp.headers.${name}: ${found.missing}`)
  }
  return Object.fromEntries(Object.entries(headers).map(read))
}
