/**
 * Text into vectors.
 *
 * Loaded on first use. A model that is missing or is not one is a Fault with the code
 * `embedder_unavailable`; recall then goes on by words alone and says so.
 */
export interface Embedder extends AsyncDisposable {
  /** Which model, for people. */
  readonly name: string
  /** How much its opinion counts beside full text: small models are trusted less. */
  readonly weight: number
  /** Loads the model, or finds it loaded. */
  load(): Promise<EmbedderFacts>
  /** Unit vectors, one per text, in order. Any number of texts; it sees to the batches itself. */
  embed(texts: readonly string[]): Promise<Float32Array[]>
}

export interface EmbedderFacts {
  dimensions: number
  /** Changes when anything changes that makes old vectors useless. Letters, digits and underscores. */
  identity: string
}

export type EmbedderSettings =
  | { kind: 'none' }
  | {
      kind: 'local'
      /** A folder with the model's files, or its name on the hub. */
      model: string
      dtype: 'fp32' | 'fp16' | 'q8' | 'q4'
      /** Where fetched models are kept. */
      modelsDir: string
      /** The hub's own cache, read only; null where there is none. */
      hubCacheDir: string | null
      /** Fetch it once when it is nowhere. */
      mayDownload: boolean
      hubUrl: string
      /** Overrides what is known of the model. */
      weight: number | null
      threads: number
    }
  | {
      kind: 'remote'
      /** An OpenAI-compatible endpoint, up to and without `/embeddings`. */
      url: string
      model: string
      key: string | null
      weight: number | null
      timeoutMs: number
    }

export const DEFAULT_MODEL = 'Xenova/all-MiniLM-L6-v2'

/** Measured; a model that is not here is taken to be as good as the default one. */
const WEIGHTS: readonly (readonly [RegExp, number])[] = [[/use-lite|universal-sentence-encoder-lite/i, 0.4]]
const WEIGHT_DEFAULT = 1

export function weightOf(model: string, given: number | null): number {
  return given ?? WEIGHTS.find(([name]) => name.test(model))?.[1] ?? WEIGHT_DEFAULT
}
