import type { Config } from '../../config/schema.ts'
import { isFault } from '../../core/fault.ts'
import { parseReference } from '../../core/secret-reference.ts'
import type { World } from '../../core/world.ts'
import type { Secrets } from './secrets.ts'

/**
 * Reads the keys of models that lie in a keyring, once at the start: from then on they are found without
 * waiting. A keyring that does not answer is said in the log, and whoever needs its key says so again.
 */
export async function readKeyring(
  secrets: Pick<Secrets, 'resolve'>,
  { model, brain, upstreams }: Pick<Config, 'model' | 'brain' | 'upstreams'>,
  world: Pick<World, 'log'>,
): Promise<void> {
  const keys = [model, brain.model, ...Object.values(upstreams)].flatMap((one) => one?.key ?? [])
  const inKeyring = [...new Set(keys)].filter((key) => parseReference(key)?.from === 'keyring')
  for (const reference of inKeyring) {
    await secrets.resolve(reference).catch((error) => {
      if (!isFault(error)) throw error
      world.log.warn({ reference, why: error.message }, 'a key was not read from the keyring')
    })
  }
}
