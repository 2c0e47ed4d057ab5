import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLog } from '../../daemon/log.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-rotation-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const numbers = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).n as number)

test('a burst fills file after file: none above the limit, no line lost or in two, the oldest gone', async () => {
  const file = join(folder, 'daemon.log')
  const log = await openLog({ file, level: 'info', secrets: () => [], bytesMax: 20_000, filesMax: 4 })
  for (let n = 0; n < 3_000; n++) {
    log.log.info({ n }, 'counted')
    // Lines come at once and over time alike.
    if (n % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await log[Symbol.asyncDispose]()
  expect(readdirSync(folder).sort()).toEqual(['daemon.log', 'daemon.log.1', 'daemon.log.2', 'daemon.log.3'])
  for (const name of readdirSync(folder)) {
    expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(20_000)
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  }
  const all = [3, 2, 1].flatMap((n) => numbers(`${file}.${n}`)).concat(numbers(file))
  expect(all.at(-1)).toBe(2_999)
  expect(all).toEqual(Array.from({ length: all.length }, (_, n) => 3_000 - all.length + n))
})

test('what a life before wrote counts; one file alone begins anew', async () => {
  const file = join(folder, 'daemon.log')
  for (let life = 0; life < 3; life++) {
    const log = await openLog({ file, level: 'info', secrets: () => [], bytesMax: 100, filesMax: 1 })
    log.log.info({ n: life }, 'a line that is well over half of what one file may hold')
    await log[Symbol.asyncDispose]()
  }
  expect(numbers(file)).toEqual([2])
  expect(existsSync(`${file}.1`)).toBe(false)
})
