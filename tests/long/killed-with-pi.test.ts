import { expect, test } from 'vitest'
import { scriptModel } from '../fakes/script-model.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { killAtRandom, TWO_TASKS } from '../scenarios/killed-everywhere.ts'

/** A real agent program takes a second or two to start, in its sandbox. */
const WITHIN_MS = 6_000

test('killed at random with a real agent (pi) in its sandbox, each task is worked on in one session and lands once', async () => {
  await using model = await startModelServer({ script: scriptModel })
  const scene = {
    sandbox: 'auto' as const,
    config: {
      sandbox: { kind: 'auto' },
      agents: { default: 'pi' },
      model: { provider: 'openai-chat', model: 'scripted-model', baseUrl: `${model.url}/v1`, key: 'env:SCENE_KEY' },
      brain: { review: false },
    },
    env: { SCENE_KEY: 'scripted' },
  }
  const first = Math.floor(Math.random() * 1_000_000)
  for (const seed of [first, first + 1, first + 2]) {
    console.log(`seed ${seed}`)
    const { kills, wrong } = await killAtRandom({ seed, killsMax: 3, withinMs: WITHIN_MS, stories: [TWO_TASKS], scene })
    expect(wrong, `seed ${seed}`).toEqual([])
    expect(kills, `seed ${seed}`).toBeGreaterThan(0)
  }
})
