import { expect, test } from 'vitest'
import { Config } from '../../config/schema.ts'
import { silentLog } from '../../core/world.ts'
import { createMerger } from '../../memory/sync/merger.ts'
import { createFakeClock } from '../fakes/fake-clock.ts'

test('what was written is merged once it is quiet, while the engine is still there, and never for each write', async () => {
  const clock = createFakeClock()
  const merges: number[] = []
  const startedAt = clock.now()
  await using merger = createMerger({
    world: { clock, log: silentLog },
    engine: { optimize: async (now) => void merges.push(now - startedAt), wantsMerge: async () => false },
    stopping: new AbortController().signal,
  })
  for (let second = 0; second < 30; second++) {
    merger.wrote()
    await clock.advance(1_000)
  }
  expect(merges).toEqual([])
  await clock.advance(60_000)
  expect(merges).toHaveLength(1)
  // An engine that had ended would be started again for this alone.
  const idleMs = Config.parse({}).memory.idleSeconds * 1_000
  expect(merges[0]! - 29_000).toBeLessThan(idleMs)
})
