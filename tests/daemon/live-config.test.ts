import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LIVE_KEYS } from '../../config/live.ts'
import { loadConfig } from '../../config/load.ts'
import { Config } from '../../config/schema.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/world.ts'
import { createLiveConfig } from '../../daemon/live-config.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-live-'))
  file = join(folder, 'config.yaml')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (onChange: (config: Config) => void = () => {}) =>
  createLiveConfig({
    file,
    env: {},
    initial: loadConfig(file, {}),
    world: { clock: systemClock, log: silentLog },
    onChange,
  })

test('what may change takes effect, what may not waits for a restart, and is told once', () => {
  using live = open()
  writeFileSync(file, 'runs:\n  max: 9\n  silenceSeconds: 60\nhttp:\n  port: 4711\n')
  expect(live.reload()).toEqual({
    applied: ['runs.max'],
    atRestart: ['http.port', 'runs.silenceSeconds'],
    refused: null,
  })
  expect(live.current.runs).toMatchObject({ max: 9, silenceSeconds: 600 })
  expect(live.current.http.port).toBe(0)
  expect(live.reload()).toEqual({ applied: [], atRestart: [], refused: null })
})

test('a bad file changes nothing and is told by its line; mended, it counts', () => {
  using live = open()
  writeFileSync(file, 'runs:\n  max: 9\n')
  live.reload()
  writeFileSync(file, 'runs:\n  max: 12\n  maxx: 1\n')
  expect(live.reload()).toMatchObject({ applied: [], refused: expect.stringContaining('config.yaml:3') })
  expect(live.current.runs.max).toBe(9)
  writeFileSync(file, 'runs:\n  max: 12\n')
  expect(live.reload().applied).toEqual(['runs.max'])
  expect(live.current.runs.max).toBe(12)
})

test('a file that an editor puts in its place is noticed', async () => {
  const changed = Promise.withResolvers<Config>()
  using live = open(changed.resolve)
  live.follow()
  writeFileSync(`${file}.draft`, 'log:\n  level: debug\n')
  renameSync(`${file}.draft`, file)
  expect((await changed.promise).log.level).toBe('debug')
})

test('every key that is said to be live is one', () => {
  const defaults = Config.parse({}) as unknown as Record<string, Record<string, unknown>>
  for (const key of LIVE_KEYS) {
    const [section, name] = key.split('.') as [string, string]
    expect(Object.keys(defaults[section]!)).toContain(name)
  }
})
