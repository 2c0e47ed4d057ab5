import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findDaemonFile, newToken, removeDaemonFile, writeDaemonFile } from '../../config/daemon-file.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-daemon-file-'))
  file = join(folder, 'daemon.json')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const content = () => ({ port: 4711, token: newToken(), pid: 12, startedAt: 5, version: '0.1.0' })

test('what was written is found, for its owner only, with nothing left beside it', () => {
  const mine = content()
  writeDaemonFile(file, mine)
  expect(findDaemonFile(file)).toEqual(mine)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['daemon.json'])
})

test('an old file and a leftover draft of a killed daemon are written over', () => {
  writeDaemonFile(file, content())
  writeFileSync(`${file}.12.new`, 'half')
  const mine = content()
  writeDaemonFile(file, mine)
  expect(findDaemonFile(file)).toEqual(mine)
})

test('a link laid in its place is not followed', () => {
  const elsewhere = join(folder, 'elsewhere')
  writeFileSync(elsewhere, 'theirs', { mode: 0o644 })
  symlinkSync(elsewhere, file)
  writeDaemonFile(file, content())
  expect(statSync(elsewhere).size).toBe('theirs'.length)
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test.each(['', '{', '{"port":0}', '{"port":1,"token":"short","pid":1}', '[]'])('%j is as good as no file', (text) => {
  writeFileSync(file, text)
  expect(findDaemonFile(file)).toBeUndefined()
})

test("a successor's file stays when the old daemon goes", () => {
  const old = content()
  writeDaemonFile(file, old)
  const successor = content()
  writeDaemonFile(file, successor)
  removeDaemonFile(file, old)
  expect(findDaemonFile(file)).toEqual(successor)
  removeDaemonFile(file, successor)
  expect(findDaemonFile(file)).toBeUndefined()
})
