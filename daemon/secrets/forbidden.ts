import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { KEY_VARIABLES } from '../../config/known-models.ts'
import type { Config } from '../../config/schema.ts'
import { parseReference } from '../../core/secret-reference.ts'
import type { Secrets } from './secrets.ts'

/**
 * Why nobody is given a secret, whatever plan and owner say: keys of providers stay with the gateway, and what
 * lies in Claw's own home is Claw's. Undefined where it may be given.
 */
export function whyForbidden(
  reference: string,
  {
    config,
    paths,
    secrets,
  }: {
    config: Pick<Config, 'model' | 'brain' | 'upstreams'>
    paths: { home: string }
    secrets: Pick<Secrets, 'find'>
  },
): string | undefined {
  const parsed = parseReference(reference)
  if (parsed?.from === 'file' && [parsed.path, realPath(parsed.path)].some((path) => isBelow(paths.home, path)))
    return 'it lies in Claw’s own home'
  const keys = [
    ...Object.values(KEY_VARIABLES).flatMap((names) => names.map((name) => `env:${name}`)),
    ...[config.model, config.brain.model, ...Object.values(config.upstreams)].flatMap((one) => one?.key ?? []),
  ]
  const value = secrets.find(reference)
  const isKey = keys.some((key) => key === reference || (typeof value === 'string' && secrets.find(key) === value))
  return isKey ? 'it is the key of a provider, which agents are never given' : undefined
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function isBelow(folder: string, path: string): boolean {
  return `${resolve(path)}/`.startsWith(`${realPath(folder)}/`) || `${resolve(path)}/`.startsWith(`${resolve(folder)}/`)
}
