import { expect, test } from 'vitest'
import { packagesOf } from '../fakes/packages-of.ts'

/** What a daemon needs to be ready. Everything else is loaded when it is first used: memory and the start are measured (docs/BENCHMARKS.md). */
const AT_START = ['@hono/node-server', 'croner', 'hono', 'kysely', 'picomatch', 'pino', 'smol-toml', 'yaml', 'zod']

test('a daemon at rest has loaded neither agents’ protocols nor models nor an index', () => {
  expect(packagesOf('daemon/main.ts').filter((name) => !AT_START.includes(name))).toEqual([])
})
