import { readFileSync } from 'node:fs'
import { type Clock, MINUTE } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { parseReference, REFERENCE_WORDS, type SecretReference } from '../../core/secret-reference.ts'
import type { SecretFound, Secrets } from './secrets.ts'

export interface HostSecretsDeps {
  env: Readonly<Record<string, string | undefined>>
  /** The text of a file; undefined where it cannot be read. */
  readFile(path: string): string | undefined
  /** A program's first 64 KB of standard output; undefined where it failed, throws where there is no such program. */
  run(argv: readonly [string, ...string[]]): Promise<string | undefined>
  platform: NodeJS.Platform
  clock: Pick<Clock, 'monotonic'>
}

/** A key that was changed in the keyring is found out by itself after so long. */
const KEYRING_MS_MAX = 5 * MINUTE

const NOT_A_REFERENCE = `is no reference to a secret (${REFERENCE_WORDS})`

/** The secrets of this machine: its environment, files, keyring and what systemd hands over. */
export function createHostSecrets(deps: HostSecretsDeps): Secrets {
  const known = new Set<string>()
  /** By reference; a keyring may be locked later, and what it said is still true. */
  const fromKeyring = new Map<string, { value: string; askedAt: number }>()

  const given = (value: string | undefined, missing: string): SecretFound => {
    const trimmed = value?.trim()
    if (!trimmed) return { missing }
    known.add(trimmed)
    return trimmed
  }

  function find(reference: string): SecretFound {
    const parsed = parseReference(reference)
    if (!parsed) return { missing: `the key in the config ${NOT_A_REFERENCE}` }
    switch (parsed.from) {
      case 'env':
        return given(deps.env[parsed.name], `${parsed.name} is not set`)
      case 'file':
        return given(deps.readFile(parsed.path), `the key file ${parsed.path} cannot be read or is empty`)
      case 'systemd': {
        const folder = deps.env['CREDENTIALS_DIRECTORY']
        if (!folder) return { missing: `${reference}: systemd gave no credentials (CREDENTIALS_DIRECTORY is not set)` }
        return given(deps.readFile(`${folder}/${parsed.name}`), `systemd gave no credential ${parsed.name}`)
      }
      case 'keyring':
        return lastSaid(reference, parsed)
    }
  }

  function lastSaid(reference: string, of: Extract<SecretReference, { from: 'keyring' }>): SecretFound {
    const last = fromKeyring.get(reference)
    if (!last) return { missing: `${reference} was not read from the keyring yet` }
    if (deps.clock.monotonic() - last.askedAt > KEYRING_MS_MAX) {
      last.askedAt = deps.clock.monotonic()
      void askKeyring(reference, of)
    }
    return last.value
  }

  async function askKeyring(
    reference: string,
    of: Extract<SecretReference, { from: 'keyring' }>,
  ): Promise<SecretFound> {
    const argv = keyringProgram(of, deps.platform)
    const said = await deps.run(argv).catch(() => null)
    if (said === null) {
      return { missing: `${reference} needs the program ${argv[0]}, which cannot be started here` }
    }
    const found = given(said, `the keyring has nothing for ${reference}, or it is locked`)
    if (typeof found === 'string') fromKeyring.set(reference, { value: found, askedAt: deps.clock.monotonic() })
    return found
  }

  return {
    find,
    async resolve(reference) {
      const parsed = parseReference(reference)
      if (!parsed) {
        throw new Fault('secret_invalid', `What stands there ${NOT_A_REFERENCE}`, {
          hint: 'Write where the secret lies, not the secret.',
        })
      }
      const found = parsed.from === 'keyring' ? await askKeyring(reference, parsed) : find(reference)
      if (typeof found === 'string') return found
      throw new Fault('secret_missing', `The secret ${reference} is not there: ${found.missing}`, {
        hint: hintFor(parsed, deps.platform),
        details: { reference },
      })
    },
    hide: (value) => void known.add(value),
    known: () => [...known],
  }
}

function keyringProgram(
  { service, account }: { service: string; account: string },
  platform: NodeJS.Platform,
): [string, ...string[]] {
  return platform === 'darwin'
    ? ['security', 'find-generic-password', '-s', service, '-a', account, '-w']
    : ['secret-tool', 'lookup', 'service', service, 'account', account]
}

function hintFor(reference: SecretReference, platform: NodeJS.Platform): string {
  switch (reference.from) {
    case 'env':
      return `Set ${reference.name} in the environment of the daemon, and start it again.`
    case 'file':
      return 'Put it there, readable for the daemon only (chmod 600).'
    case 'systemd':
      return `Add LoadCredential=${reference.name}:/path to the unit, and start it again.`
    case 'keyring':
      return platform === 'darwin'
        ? `Store it: security add-generic-password -s '${reference.service}' -a '${reference.account}' -w`
        : `Store it: secret-tool store --label '${reference.service}' service '${reference.service}' account '${reference.account}' (Debian: libsecret-tools)`
  }
}

/** The text of a secret's file; undefined where it cannot be read. */
export function readSecretFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
