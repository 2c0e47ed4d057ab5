import { readdir, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { EmbedderSettings } from './embedder.ts'

type LocalSettings = Extract<EmbedderSettings, { kind: 'local' }>

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
