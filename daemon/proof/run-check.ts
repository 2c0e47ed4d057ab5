import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { stripVTControlCharacters } from 'node:util'
import { createGzip } from 'node:zlib'
import type { Check } from '../../core/plan.ts'
import type { CheckResult } from '../../core/proof.ts'
import type { AskHost } from '../sandbox/sandbox.ts'
import type { ConfinedShell, Room } from '../worktrees/confined-shell.ts'
import { syncFolder } from '../worktrees/durable-file.ts'
import type { Recipe } from '../worktrees/recipe.ts'

/** More output than this is not kept; the tail always is. */
export const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
export const TAIL_CHARS = 4_000

const DRAFT = '.part'

/** Removes outputs of checks that a crash cut short. Only while no check runs. */
export async function dropDrafts(outputDir: string): Promise<void> {
  const names = await readdir(outputDir).catch(() => [])
  await Promise.all(
    names.filter((name) => name.endsWith(DRAFT)).map((name) => rm(join(outputDir, name), { force: true })),
  )
}

/**
 * Runs one check and keeps its output whole, gzipped, in `outputDir`. When this returns the file
 * has reached the disk. The digest is of the output before compression.
 */
export async function runCheck(options: {
  shell: ConfinedShell
  room: Room
  recipe: Recipe
  check: Check
  outputDir: string
  runId: string
  env?: Readonly<Record<string, string>>
  signal?: AbortSignal | undefined
  askHost?: AskHost | undefined
}): Promise<CheckResult> {
  const { check } = options
  await mkdir(options.outputDir, { recursive: true, mode: 0o700 })
  const draft = join(options.outputDir, `${randomUUID()}${DRAFT}`)
  const hash = createHash('sha256')
  await using handle = await open(draft, 'wx', 0o600)
  const gzip = createGzip()
  const written = (async () => {
    for await (const chunk of gzip) await handle.write(chunk as Buffer)
  })()
  // Both are awaited below; a full disk must not end the daemon before.
  written.catch(() => {})
  gzip.on('error', () => {})
  const end = await options
    .shell({
      room: options.room,
      recipe: options.recipe,
      command: check.command,
      network: check.network && 'check',
      askHost: options.askHost,
      timeoutMs: check.timeoutSeconds * 1000,
      runId: options.runId,
      outputBytesMax: OUTPUT_BYTES_MAX,
      signal: options.signal,
      ...(options.env ? { env: options.env } : {}),
      async onOutput(chunk) {
        hash.update(chunk)
        if (!gzip.write(chunk)) await Promise.race([new Promise((resolve) => gzip.once('drain', resolve)), written])
      },
    })
    .finally(() => gzip.end())
  await Promise.all([written, finished(gzip)])
  await handle.sync()
  if (options.signal?.aborted) await rm(draft, { force: true })
  options.signal?.throwIfAborted()
  const outputDigest = hash.digest('hex')
  // By its digest it is found again, and equal outputs are kept once. On the disk before a proof names it.
  const outputFile = join(options.outputDir, `${outputDigest}.log.gz`)
  await rename(draft, outputFile)
  await syncFolder(options.outputDir)
  return {
    name: check.name,
    command: check.command,
    kind: check.kind,
    exitCode: end.exitCode,
    timedOut: end.timedOut,
    durationMs: Math.round(end.durationMs),
    passed: end.exitCode === 0 && !end.timedOut && end.overrun === null,
    outputDigest,
    outputFile,
    tail: plainTail(end.tail),
  }
}

/** The end of an output for people and models: no colours, no control characters, whole lines where it is cut. */
export function plainTail(text: string, charsMax: number = TAIL_CHARS): string {
  const plain = stripVTControlCharacters(text)
    .replace(/\r\n/g, '\n')
    .replace(/^.*\r(?!\n)/gm, '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
    .trimEnd()
  if (plain.length <= charsMax) return plain
  const cut = plain.slice(-charsMax)
  return cut.slice(cut.indexOf('\n') + 1)
}
