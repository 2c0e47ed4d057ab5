import { createHash, type Hash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Fault, isFault } from '../../core/fault.ts'
import type { EmbedderSettings } from './embedder.ts'
import { weightsFile } from './model-files.ts'

type LocalSettings = Extract<EmbedderSettings, { kind: 'local' }>
export type OnProgress = (file: string, done: number, total: number | null) => void

/** What the tokenizer and the model need; the ones marked may be missing on the hub. */
const FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json'] as const
const OPTIONAL_FILES = ['special_tokens_map.json'] as const
/** No model for this purpose is larger. */
const FILE_BYTES_MAX = 2 * 1024 ** 3
const FILE_TIMEOUT_MS = 30 * 60_000
const REDIRECTS_MAX = 5

/**
 * Fetches a model from the hub, once.
 *
 * Each file is checked by its length and by the digest that the hub names for it before it takes its
 * place, and the weights come last: a folder that holds them is whole. What was cut off goes on where
 * it stopped, as long as the hub still has the same file.
 *
 * @throws embedder_unavailable
 */
export async function fetchModel(
  settings: LocalSettings,
  onProgress: OnProgress,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const dir = join(settings.modelsDir, settings.model)
  const parts = join(settings.modelsDir, '.part', settings.model)
  for (const file of [...FILES, ...OPTIONAL_FILES, weightsFile(settings.dtype)]) {
    const part = join(parts, file)
    await mkdir(dirname(part), { recursive: true })
    const limit = AbortSignal.any([signal, AbortSignal.timeout(FILE_TIMEOUT_MS)])
    const isFound = await fetchFile({ settings, file, part, onProgress, signal: limit }).catch((cause: unknown) => {
      throw isFault(cause) ? cause : unreachable(settings, cause)
    })
    if (!isFound && (OPTIONAL_FILES as readonly string[]).includes(file)) continue
    if (!isFound) throw new Fault('embedder_unavailable', `${settings.hubUrl} has no ${file} of ${settings.model}`)
    await mkdir(dirname(join(dir, file)), { recursive: true })
    await rename(part, join(dir, file))
  }
  await rm(parts, { recursive: true, force: true })
}

interface Fetching {
  settings: LocalSettings
  file: string
  part: string
  onProgress: OnProgress
  signal: AbortSignal
}

/** What the hub says of a file before it sends it: the storage behind it knows neither. */
interface Promised {
  bytes: number | null
  /** A sha256 for large files, git's own sha1 for small ones. */
  digest: string | null
}

/** Whole and checked when it returns true; false where the hub does not have it. */
async function fetchFile(fetching: Fetching): Promise<boolean> {
  const { settings, file, part, signal } = fetching
  const url = `${settings.hubUrl.replace(/\/+$/, '')}/${settings.model}/resolve/main/${file}`
  const promised = await askFor(url, signal)
  if (promised === undefined) return false
  if (promised.bytes !== null && promised.bytes > FILE_BYTES_MAX) throw tooLarge(file)
  const have = await takeUp(part, promised)
  if (promised.bytes === null || have < promised.bytes) await download(fetching, url, promised, have)
  const { size } = await stat(part)
  if (promised.bytes !== null && size !== promised.bytes) {
    throw new Fault('embedder_unavailable', `${file} came with ${size} bytes instead of ${promised.bytes}`, {
      hint: 'Try again: it goes on where it stopped.',
    })
  }
  if (promised.digest !== null && (await digestOf(part, size, promised.digest.length)) !== promised.digest) {
    await rm(part, { force: true })
    throw new Fault(
      'embedder_unavailable',
      `${file} of ${settings.model} does not have the digest the hub gives for it`,
    )
  }
  await rm(`${part}.of`, { force: true })
  const handle = await open(part, 'r')
  await handle.sync()
  await handle.close()
  return true
}

/** Follows redirects by hand: the hub's own answer names size and digest, the storage's does not. */
async function askFor(url: string, signal: AbortSignal): Promise<Promised | undefined> {
  let place = url
  for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
    const answer = await fetch(place, {
      method: 'HEAD',
      redirect: 'manual',
      signal,
      headers: { 'accept-encoding': 'identity' },
    })
    await answer.body?.cancel()
    if (answer.status === 404) return undefined
    const linked = digestIn(answer.headers.get('x-linked-etag'))
    const isRedirect = answer.status >= 300 && answer.status < 400
    if (!answer.ok && !isRedirect) throw new Fault('embedder_unavailable', `${url} answered ${answer.status}`)
    const next = answer.headers.get('location')
    if (isRedirect && linked === null && next !== null) {
      place = new URL(next, place).href
      continue
    }
    const length = answer.headers.get('x-linked-size') ?? (isRedirect ? null : answer.headers.get('content-length'))
    return { bytes: Number(length) || null, digest: linked ?? digestIn(answer.headers.get('etag')) }
  }
  throw new Fault('embedder_unavailable', `${url} leads in a circle`)
}

function digestIn(etag: string | null): string | null {
  return /^(?:W\/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?$/.exec(etag ?? '')?.[1] ?? null
}

/** How much of just this file an earlier try has left; what is of another file is thrown away. */
async function takeUp(part: string, { bytes, digest }: Promised): Promise<number> {
  const of = `${bytes} ${digest}`
  const size = await stat(part).then(
    (found) => found.size,
    () => 0,
  )
  const isSame = digest !== null && (await readFile(`${part}.of`, 'utf8').catch(() => '')) === of
  if (size > 0 && isSame && bytes !== null && size <= bytes) return size
  await rm(part, { force: true })
  await writeFile(`${part}.of`, of)
  return 0
}

async function download(
  { settings, file, part, onProgress, signal }: Fetching,
  url: string,
  { bytes }: Promised,
  have: number,
): Promise<void> {
  const range: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {}
  const answer = await fetch(url, { signal, headers: { 'accept-encoding': 'identity', ...range } })
  if (!answer.ok || !answer.body) {
    await answer.body?.cancel()
    throw new Fault('embedder_unavailable', `${url} answered ${answer.status}`)
  }
  // A server that knows no ranges sends all of it again.
  const isRest = answer.status === 206
  let done = isRest ? have : 0
  const meter = new Transform({
    transform(piece: Buffer, _encoding, next) {
      done += piece.length
      onProgress(file, done, bytes)
      next(done > FILE_BYTES_MAX ? tooLarge(file) : null, piece)
    },
  })
  await pipeline(Readable.fromWeb(answer.body), meter, createWriteStream(part, { flags: isRest ? 'a' : 'w' })).catch(
    (cause: unknown) => {
      if (isFault(cause)) throw cause
      throw new Fault('embedder_unavailable', `${settings.model}: ${file} was cut off after ${done} bytes`, {
        cause,
        hint: 'Try again: it goes on where it stopped.',
      })
    },
  )
}

/** Git names a small file by the sha1 of its length and content. */
async function digestOf(path: string, bytes: number, length: number): Promise<string> {
  const hash: Hash = length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`)
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer)
  return hash.digest('hex')
}

function tooLarge(file: string): Fault {
  return new Fault('embedder_unavailable', `${file} is larger than ${FILE_BYTES_MAX} bytes`)
}

function unreachable(settings: LocalSettings, cause: unknown): Fault {
  return new Fault('embedder_unavailable', `${settings.model} could not be fetched from ${settings.hubUrl}`, {
    cause,
    hint: 'Check the network, name a folder that holds the model, or switch embeddings off.',
  })
}
