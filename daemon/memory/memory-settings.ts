import { join } from 'node:path'
import { SECOND } from '../../core/clock.ts'
import { isFault } from '../../core/fault.ts'
import type { EmbedderSettings } from '../../memory/embed/embedder.ts'
import type { MemorySettings } from '../../memory/memory.ts'
import type { MemoryDoorDeps } from './open-memory.ts'

const HUB_URL = 'https://huggingface.co'
const REMOTE_TIMEOUT_MS = 60 * SECOND

/** The configuration in the memory's own terms. */
export async function memorySettings(deps: Omit<MemoryDoorDeps, 'report'>): Promise<MemorySettings> {
  const { config, paths, host } = deps
  return {
    notesDir: paths.notesDir,
    indexDir: paths.memoryDir,
    embedder: await embedderOf(deps),
    index: config.index,
    path: host.path,
    profileTokensMax: config.profileTokensMax,
    engineIdleMs: config.idleSeconds * SECOND,
    ...(config.indexMaxMb === null ? {} : { indexBytesMax: config.indexMaxMb * 1024 ** 2 }),
  }
}

async function embedderOf(deps: Omit<MemoryDoorDeps, 'report'>): Promise<EmbedderSettings> {
  const { config, paths, host, secrets, world } = deps
  if (config.endpoint) {
    const { url, model, key: reference } = config.endpoint
    // Without its key the endpoint says itself what it thinks of that; recall goes on by words.
    const key =
      reference === null
        ? null
        : await secrets.resolve(reference).catch((error) => {
            if (!isFault(error)) throw error
            world.log.warn({ why: error.message }, 'the key of the embeddings endpoint was not found')
            return null
          })
    return { kind: 'remote', url, model, key, weight: config.weight, timeoutMs: REMOTE_TIMEOUT_MS }
  }
  if (config.model === null) return { kind: 'none' }
  return {
    kind: 'local',
    model: config.model.startsWith('~/') ? join(host.ownerHome, config.model.slice(2)) : config.model,
    dtype: config.dtype,
    modelsDir: join(paths.memoryDir, 'models'),
    hubCacheDir: hubCacheOf(host),
    mayDownload: config.download,
    hubUrl: config.hubUrl ?? HUB_URL,
    weight: config.weight,
    threads: config.threads,
  }
}

/** Where the hub's own programs keep models on this machine. */
function hubCacheOf({ env, ownerHome }: MemoryDoorDeps['host']): string {
  return env['HF_HUB_CACHE'] || join(env['HF_HOME'] || join(ownerHome, '.cache', 'huggingface'), 'hub')
}
