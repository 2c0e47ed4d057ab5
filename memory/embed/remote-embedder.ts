import { createHash } from 'node:crypto'
import { z } from 'zod'
import { Fault, isFault } from '../../core/fault.ts'
import type { Embedder, EmbedderFacts, EmbedderSettings } from './embedder.ts'
import { weightOf } from './embedder.ts'

type RemoteSettings = Extract<EmbedderSettings, { kind: 'remote' }>

const BATCH_MAX = 64
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

const Answer = z.object({ data: z.array(z.object({ index: z.int().min(0), embedding: z.array(z.number()) })) })

/** An OpenAI-compatible `/embeddings` endpoint. */
export function createRemoteEmbedder(settings: RemoteSettings): Embedder {
  let facts: Promise<EmbedderFacts> | undefined

  async function ask(texts: readonly string[]): Promise<Float32Array[]> {
    const answer = await fetch(`${settings.url.replace(/\/+$/, '')}/embeddings`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(settings.key === null ? {} : { authorization: `Bearer ${settings.key}` }),
      },
      body: JSON.stringify({ model: settings.model, input: texts, encoding_format: 'float' }),
      signal: AbortSignal.timeout(settings.timeoutMs),
    })
    if (!answer.ok) {
      await answer.body?.cancel()
      throw new Fault('embedder_unavailable', `${settings.url} answered ${answer.status} for ${settings.model}`)
    }
    const text = await answer.text()
    if (text.length > ANSWER_BYTES_MAX) throw new Fault('embedder_unavailable', `${settings.url} answered too much`)
    const parsed = Answer.parse(JSON.parse(text))
    const out = new Array<Float32Array | undefined>(texts.length)
    for (const { index, embedding } of parsed.data) out[index] = unit(embedding)
    if (out.length !== texts.length || out.some((vector) => !vector || vector.length === 0)) {
      throw new Fault('embedder_unavailable', `${settings.url} did not answer with one vector for each text`)
    }
    return out as Float32Array[]
  }

  const guarded = (texts: readonly string[]) =>
    ask(texts).catch((cause: unknown) => {
      throw isFault(cause)
        ? cause
        : new Fault('embedder_unavailable', `${settings.url} gives no vectors for ${settings.model}`, { cause })
    })

  const ready = () => {
    facts ??= guarded(['a small test of the model'])
      .then(([vector]) => {
        const dimensions = vector!.length
        const identity = createHash('sha256')
          .update(JSON.stringify([settings.url, settings.model, dimensions]))
          .digest('hex')
        return { dimensions, identity: identity.slice(0, 16) }
      })
      .catch((error: unknown) => {
        facts = undefined
        throw error
      })
    return facts
  }

  return {
    name: `${settings.model} at ${settings.url}`,
    weight: weightOf(settings.model, settings.weight),
    load: ready,
    async embed(texts) {
      const { dimensions } = await ready()
      const out: Float32Array[] = []
      for (let from = 0; from < texts.length; from += BATCH_MAX) {
        out.push(...(await guarded(texts.slice(from, from + BATCH_MAX))))
      }
      if (out.some((vector) => vector.length !== dimensions)) {
        throw new Fault('embedder_unavailable', `${settings.model} answers with vectors of different lengths`)
      }
      return out
    },
    async [Symbol.asyncDispose]() {},
  }
}

function unit(values: readonly number[]): Float32Array {
  const length = Math.hypot(...values) || 1
  return Float32Array.from(values, (value) => value / length)
}
