import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { openLocalEngine } from '../../memory/engine/local-engine.ts'
import { makeDir } from '../memory/room.ts'

const WRITES = 10_000
const NOTES = 200
const MB = 1024 * 1024

/**
 * LanceDB keeps a version for every write; indexes of hundreds of gigabytes have been seen over a few megabytes of
 * notes. Merges are made here when the engine asks for them, as the daemon does.
 */
test('over ten thousand writes the index stays small, and every note is found', { timeout: 3_600_000 }, async () => {
  const dir = makeDir()
  await using engine = await openLocalEngine({ dir, index: 'lance', embedder: { kind: 'none' } })
  let largest = 0
  for (let i = 0; i < WRITES; i++) {
    const n = i % NOTES
    const body = `Note word${n} in its version v${i}, with a few more words about place${n % 17} and time${i % 13}`
    const document = {
      id: `note_g${n}`,
      scope: 'global',
      kind: 'fact',
      title: `T${n}`,
      at: null,
      past: false,
      format: 'document' as const,
      body,
    }
    await engine.put([document], i < NOTES)
    if (!(await engine.wantsMerge())) continue
    largest = Math.max(largest, (await engine.count()).bytes)
    await engine.optimize(systemClock.now())
  }
  // What is a minute old is dropped; a merge long after the last write leaves one version.
  await engine.optimize(systemClock.now() + 120_000)
  const { bytes, passages } = await engine.count()
  const versions = readdirSync(join(dir, 'lance/passages_v2.lance/_versions')).length
  console.log(
    `largest ${Math.round(largest / MB)} MB, in the end ${(bytes / MB).toFixed(1)} MB in ${versions} versions`,
  )
  expect(passages).toBe(NOTES)
  expect(largest).toBeLessThan(200 * MB)
  expect(bytes).toBeLessThan(4 * MB)
  expect(versions).toBeLessThan(5)
  const { found } = await engine.recall({
    question: 'word123',
    where: { scopes: 'all' },
    limit: 1,
    vectors: false,
    now: 0,
  })
  expect(found[0]?.row.note).toBe('note_g123')
})
