/**
 * Values that stand elsewhere: a reference (`env:NAME`, `file:/path` …) as a whole value, and `${NAME}`,
 * `${env:NAME}` and `${NAME:-default}` inside one, as clients' own files spell them.
 */
import { Fault } from '../../core/fault.ts'
import { isReference } from '../../core/secret-reference.ts'
import type { Secrets } from '../secrets/secrets.ts'

type Source = Pick<Secrets, 'resolve' | 'find'>

/** Throws secret_missing, naming what is not there. */
export async function resolveText(text: string, secrets: Source): Promise<string> {
  if (isReference(text)) return secrets.resolve(text)
  return text.replace(
    /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, otherwise: string | undefined) => {
      const found = secrets.find(`env:${name}`)
      if (typeof found === 'string') return found
      if (otherwise !== undefined) return otherwise
      throw new Fault('secret_missing', found.missing, { hint: `Set ${name} in the environment of the daemon.` })
    },
  )
}

export async function resolveValues(
  values: Readonly<Record<string, string>>,
  secrets: Source,
): Promise<Record<string, string>> {
  const found = Object.entries(values).map(async ([name, text]) => [name, await resolveText(text, secrets)] as const)
  return Object.fromEntries(await Promise.all(found))
}
