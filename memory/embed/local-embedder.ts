import { createHash } from 'node:crypto'
import type { FeatureExtractionPipeline } from '@huggingface/transformers'
import { Fault, isFault } from '../../core/fault.ts'
import type { Embedder, EmbedderFacts, EmbedderSettings } from './embedder.ts'
import { weightOf } from './embedder.ts'
import { fetchModel } from './fetch-model.ts'
import { findModel, missingModel } from './model-files.ts'

type LocalSettings = Extract<EmbedderSettings, { kind: 'local' }>

/** The runtime never gives back what its largest batch took; measured, 64 takes four times what 8 does. */
const BATCH_MAX = 8
const DIMENSIONS_MAX = 8192

/**
 * transformers.js in this process. It belongs in a process that ends when idle: what the
 * runtime has taken it keeps.
 */
export function createLocalEmbedder(
  settings: LocalSettings,
  onProgress: (file: string, done: number, total: number | null) => void,
): Embedder {
  let loaded: Promise<{ extract: FeatureExtractionPipeline; facts: EmbedderFacts }> | undefined

  async function load() {
    const place =
      (await findModel(settings)) ??
      (settings.mayDownload ? await fetchModel(settings, onProgress).then(() => findModel(settings)) : undefined)
    if (!place) throw missingModel(settings)
    const { pipeline, env } = await import('@huggingface/transformers').catch((cause: unknown) => {
      throw new Fault('embedder_unavailable', '@huggingface/transformers is not installed', {
        cause,
        hint: 'Install Claw with its optional dependencies.',
      })
    })
    // Nothing is ever fetched behind our back.
    env.allowRemoteModels = false
    env.allowLocalModels = true
    env.useBrowserCache = false
    env.useFSCache = false
    env.localModelPath = `${place.root}/`
    const extract = await pipeline('feature-extraction', place.name, {
      dtype: settings.dtype,
      session_options: { intraOpNumThreads: settings.threads, interOpNumThreads: 1 },
    })
    const [canary] = await run(extract, ['a small test of the model'])
    const dimensions = canary?.length ?? 0
    if (dimensions < 8 || dimensions > DIMENSIONS_MAX || !canary!.every(Number.isFinite)) {
      throw new Fault('embedder_unavailable', `${settings.model} does not give vectors that can be used`)
    }
    const identity = createHash('sha256')
      .update(JSON.stringify([place.name, settings.dtype, place.bytes, dimensions]))
      .digest('hex')
      .slice(0, 16)
    return { extract, facts: { dimensions, identity } }
  }

  const ready = () => {
    loaded ??= load().catch((cause: unknown) => {
      loaded = undefined
      throw isFault(cause)
        ? cause
        : new Fault('embedder_unavailable', `${settings.model} cannot be loaded: ${firstLine(cause)}`, { cause })
    })
    return loaded
  }

  return {
    name: `${settings.model} (${settings.dtype})`,
    weight: weightOf(settings.model, settings.weight),
    async load() {
      return (await ready()).facts
    },
    async embed(texts) {
      const { extract } = await ready()
      // Texts of like length together: a batch is padded to its longest.
      const order = texts.map((_, i) => i).sort((a, b) => texts[a]!.length - texts[b]!.length)
      const out = new Array<Float32Array>(texts.length)
      for (let from = 0; from < order.length; from += BATCH_MAX) {
        const batch = order.slice(from, from + BATCH_MAX)
        const vectors = await run(
          extract,
          batch.map((i) => texts[i]!),
        )
        for (const [n, i] of batch.entries()) out[i] = vectors[n]!
      }
      return out
    },
    async [Symbol.asyncDispose]() {
      const held = await loaded?.catch(() => undefined)
      loaded = undefined
      await held?.extract.dispose()
    },
  }
}

async function run(extract: FeatureExtractionPipeline, texts: string[]): Promise<Float32Array[]> {
  const tensor = await extract(texts, { pooling: 'mean', normalize: true })
  try {
    const width = tensor.dims.at(-1) ?? 0
    const data = tensor.data as Float32Array
    return texts.map((_, i) => Float32Array.from(data.subarray(i * width, (i + 1) * width)))
  } finally {
    tensor.dispose()
  }
}

function firstLine(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause)
    .split('\n', 1)[0]!
    .slice(0, 300)
}
