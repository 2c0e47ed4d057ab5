import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toWords } from '../../core/log-line.ts'
import { redact } from '../../core/redact.ts'
import { type OpenLog, openLog } from '../../daemon/log.ts'

let folder: string
let opened: OpenLog[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-log-'))
})
afterEach(async () => {
  for (const one of opened) await one[Symbol.asyncDispose]()
  opened = []
  rmSync(folder, { recursive: true, force: true })
})

async function opening(secrets: string[] = [], level: 'debug' | 'info' = 'info') {
  const file = join(folder, 'logs', 'daemon.log')
  const said: string[] = []
  const people = { write: (text: string) => void said.push(text), isColor: false }
  const log = await openLog({ file, level, secrets: () => secrets, people })
  opened.push(log)
  return {
    ...log,
    file,
    said,
    lines: () =>
      readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
  }
}

test('a flushed log holds every line, for its owner only', async () => {
  const { log, flush, file, lines } = await opening()
  for (let n = 0; n < 2000; n++) log.info({ n }, 'counted')
  flush()
  expect(lines().map(({ n }) => n)).toEqual(Array.from({ length: 2000 }, (_, n) => n))
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('fields of a child ride on its lines; what is below the level is left out', async () => {
  const { log, flush, lines } = await opening()
  log.child({ taskId: 'task_7' }).warn({ silentMs: 5 }, 'run stopped, silent')
  log.debug('not said')
  flush()
  expect(lines()).toEqual([
    expect.objectContaining({ level: 'warn', taskId: 'task_7', silentMs: 5, msg: 'run stopped, silent' }),
  ])
})

test('a secret is taken out wherever it stands: field, message, error, escaped', async () => {
  const secrets = ['sk-hidden-1', 'with"quote\\and\nline']
  const { log, flush, file, said } = await opening(secrets)
  log.info({ key: 'sk-hidden-1', deep: { url: 'http://x/?k=sk-hidden-1' } }, 'sent sk-hidden-1')
  log.error({ err: new Error('refused sk-hidden-1') }, 'failed')
  log.info({ odd: secrets[1] }, 'odd')
  flush()
  const text = readFileSync(file, 'utf8') + said.join('')
  expect(text).not.toContain('sk-hidden-1')
  expect(text).not.toContain('with\\"quote')
  expect(text.match(/\[secret\]/g)?.length).toBeGreaterThanOrEqual(5)
})

test('a secret that contains another is taken out whole; a short word is no secret', () => {
  expect(redact('a=secret1-long b=secret1', ['secret1', 'secret1-long'])).toBe('a=[secret] b=[secret]')
  expect(redact('{"level":"info"}', ['in', ''])).toBe('{"level":"info"}')
})

test('a person reads one line, with the stack of an error below', () => {
  const at = new Date(2026, 10, 23, 9, 14, 3).getTime()
  const line = JSON.stringify({ level: 'warn', time: at, taskId: 'task_7', ms: 5, msg: 'run stopped' })
  expect(toWords(line, false)).toBe('09:14:03 warn run stopped  taskId=task_7 ms=5\n')
  const broken = JSON.stringify({ level: 'error', time: at, msg: 'bug', err: { stack: 'Error: x\n  at y' } })
  expect(toWords(broken, false)).toBe('09:14:03 error bug\nError: x\n  at y\n')
})

test('a closed log takes further lines without a word', async () => {
  const opened = await opening()
  opened.log.info('before')
  await opened[Symbol.asyncDispose]()
  opened.log.info('after')
  opened.flush()
  expect(opened.lines().map(({ msg }) => msg)).toEqual(['before'])
})
