import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openWireLog } from '../../../daemon/agents/wire-log.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-wire-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('keeps lines in order, for the owner alone, and goes on where an earlier process ended', async () => {
  const file = join(folder, 'wire')
  for (const word of ['one', 'two']) {
    const log = openWireLog(file, 1000)
    log.add('>', word)
    log.add('<', word)
    await log.close()
  }
  expect(readFileSync(file, 'utf8')).toBe('>one\n<one\n>two\n<two\n')
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('never grows beyond twice its size: the full file makes room for a new one', async () => {
  const file = join(folder, 'wire')
  const log = openWireLog(file, 1000)
  for (let i = 0; i < 100; i++) {
    log.add('<', String(i).padStart(99, '.'))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await log.close()
  expect(statSync(file).size).toBeLessThanOrEqual(1000)
  expect(statSync(`${file}.1`).size).toBeLessThanOrEqual(1000)
  expect(readFileSync(file, 'utf8').trim().split('\n').at(-1)).toBe(`<${'99'.padStart(99, '.')}`)
})

test('asks to wait when the disk does not keep up', async () => {
  const log = openWireLog(join(folder, 'wire'), 100_000_000)
  expect(log.add('<', 'x')).toBeUndefined()
  expect(log.add('<', 'x'.repeat(2_000_000))).toBeInstanceOf(Promise)
  await log.close()
})

test('a log that cannot be written does not stop anything', async () => {
  const file = join(folder, 'taken')
  mkdirSync(file)
  const log = openWireLog(file, 1000)
  await log.add('<', 'x'.repeat(2_000_000))
  expect(log.add('<', 'x')).toBeUndefined()
  await log.close()
})
