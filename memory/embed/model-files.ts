import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Fault } from '../../core/fault.ts'
import type { EmbedderSettings } from './embedder.ts'

type LocalSettings = Extract<EmbedderSettings, { kind: 'local' }>

/** What the tokenizer and the model need; the ones marked may be missing on the hub. */
const FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json'] as const
const OPTIONAL_FILES = ['special_tokens_map.json'] as const
/** No model for this purpose is larger. */
const FILE_BYTES_MAX = 2 * 1024 ** 3
const HEADERS_TIMEOUT_MS = 60_000

export interface ModelPlace {
  /** The folder that holds the model's folder, and the model's name below it. */
  root: string
  name: string
  /** Bytes of the weights: another file under the same name is another model. */
  bytes: number
}

/** The model's weights by precision, as the hub names them. */
export function weightsFile(dtype: LocalSettings['dtype']): string {
  const end = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4' }[dtype]
  return `onnx/model${end}.onnx`
}

/**
 * Finds the model on disk: as the folder named, among those fetched before, in the hub's cache.
 *
 * @returns undefined when it is nowhere
 * @throws embedder_unavailable when a folder was named and holds no model
 */
export async function findModel(settings: LocalSettings): Promise<ModelPlace | undefined> {
  const { model, dtype } = settings
  if (isAbsolute(model)) {
    const bytes = await weightsIn(model, dtype)
    if (bytes !== null) return { root: dirname(model), name: model.slice(dirname(model).length + 1), bytes }
    throw new Fault(
      'embedder_unavailable',
      `${model} holds no model: ${weightsFile(dtype)} or tokenizer.json is missing`,
      {
        hint: 'Name a folder with config.json, tokenizer.json and onnx/, or another precision.',
      },
    )
  }
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(model) || model.includes('..')) {
    throw new Fault('embedder_unavailable', `"${model}" is neither a folder nor a model's name on the hub`)
  }
  const fetched = await weightsIn(join(settings.modelsDir, model), dtype)
  if (fetched !== null) return { root: settings.modelsDir, name: model, bytes: fetched }
  if (settings.hubCacheDir === null) return undefined
  const snapshots = join(settings.hubCacheDir, `models--${model.replace('/', '--')}`, 'snapshots')
  for (const revision of await readdir(snapshots).catch(() => [])) {
    const bytes = await weightsIn(join(snapshots, revision), dtype)
    if (bytes !== null) return { root: snapshots, name: revision, bytes }
  }
  return undefined
}

export function missingModel({ model, dtype }: LocalSettings): Fault {
  return new Fault('embedder_unavailable', `the model ${model} (${dtype}) is not on this machine`, {
    hint: 'Allow it to be fetched, or name a folder that holds it.',
  })
}

/**
 * Fetches a model from the hub, each file whole, with its length and, where the hub names it, its digest checked.
 * Killed half-way it leaves nothing that looks like a model.
 */
export async function fetchModel(
  settings: LocalSettings,
  onProgress: (file: string, done: number, total: number | null) => void,
  signal?: AbortSignal,
): Promise<void> {
  const dir = join(settings.modelsDir, settings.model)
  const part = join(settings.modelsDir, `.part-${process.pid}`)
  await rm(part, { recursive: true, force: true })
  try {
    // The weights come last: a folder that holds them is whole.
    for (const file of [...FILES, ...OPTIONAL_FILES, weightsFile(settings.dtype)]) {
      const optional = (OPTIONAL_FILES as readonly string[]).includes(file)
      await mkdir(dirname(join(part, file)), { recursive: true })
      const found = await fetchFile(settings, file, join(part, file), onProgress, signal)
      if (!found && optional) continue
      if (!found) throw new Fault('embedder_unavailable', `${settings.hubUrl} has no ${file} of ${settings.model}`)
      await mkdir(dirname(join(dir, file)), { recursive: true })
      await rename(join(part, file), join(dir, file))
    }
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

async function fetchFile(
  settings: LocalSettings,
  file: string,
  to: string,
  onProgress: (file: string, done: number, total: number | null) => void,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const url = `${settings.hubUrl}/${settings.model}/resolve/main/${file}`
  const waiting = AbortSignal.any([AbortSignal.timeout(HEADERS_TIMEOUT_MS * 30), ...(signal ? [signal] : [])])
  const answer = await fetch(url, { signal: waiting }).catch((cause: unknown) => {
    throw new Fault('embedder_unavailable', `${settings.model} could not be fetched from ${settings.hubUrl}`, {
      cause,
      hint: 'Check the network, name a folder that holds the model, or switch embeddings off.',
    })
  })
  if (answer.status === 404) return false
  if (!answer.ok || !answer.body) {
    throw new Fault('embedder_unavailable', `${url} answered ${answer.status}`)
  }
  const length = answer.headers.get('content-encoding') ? null : Number(answer.headers.get('content-length')) || null
  const digest = /^"?([0-9a-f]{64})"?$/.exec(answer.headers.get('x-linked-etag') ?? '')?.[1]
  const hash = createHash('sha256')
  let done = 0
  const meter = new Transform({
    transform(piece: Buffer, _encoding, next) {
      done += piece.length
      hash.update(piece)
      onProgress(file, done, length)
      next(done > FILE_BYTES_MAX ? new Error(`${file} is larger than ${FILE_BYTES_MAX} bytes`) : null, piece)
    },
  })
  await pipeline(Readable.fromWeb(answer.body), meter, createWriteStream(to))
  if (length !== null && done !== length) {
    throw new Fault('embedder_unavailable', `${file} came with ${done} bytes instead of ${length}`)
  }
  if (digest && hash.digest('hex') !== digest) {
    throw new Fault(
      'embedder_unavailable',
      `${file} of ${settings.model} does not have the digest the hub gives for it`,
    )
  }
  const handle = await open(to, 'r')
  await handle.sync()
  await handle.close()
  return true
}

async function weightsIn(dir: string, dtype: LocalSettings['dtype']): Promise<number | null> {
  const sizes = await Promise.all(
    [weightsFile(dtype), 'tokenizer.json', 'config.json'].map((file) =>
      stat(join(dir, file)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  )
  return sizes.every((size) => size > 0) ? sizes[0]! : null
}
