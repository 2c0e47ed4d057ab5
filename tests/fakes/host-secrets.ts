import { createHostSecrets, type HostSecretsDeps } from '../../daemon/secrets/host-secrets.ts'
import type { Secrets } from '../../daemon/secrets/secrets.ts'

/** The real thing on an invented machine. */
export function aHostSecrets(
  machine: {
    env?: Record<string, string>
    files?: Record<string, string>
    run?: HostSecretsDeps['run']
    platform?: NodeJS.Platform
    clock?: HostSecretsDeps['clock']
  } = {},
): Secrets {
  return createHostSecrets({
    env: machine.env ?? {},
    readFile: (path) => machine.files?.[path],
    run: machine.run ?? (() => Promise.reject(new Error('no such program'))),
    platform: machine.platform ?? 'linux',
    clock: machine.clock ?? { monotonic: () => 0 },
  })
}
