import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claw } from './run-claw.ts'

let home: string
let file: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'claw-config-'))
  file = join(home, 'config.yaml')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

test('a key is set in its place, comments stay, and the answer says when it holds', async () => {
  writeFileSync(file, '# mine\nruns:\n  # four are enough\n  max: 4\nhttp:\n')
  const said = await claw(['config', 'set', 'runs.max', '8'], { home })
  expect(said).toMatchObject({ code: 0, stdout: 'runs.max: 8\n', stderr: expect.stringContaining('from now on') })
  expect((await claw(['config', 'set', 'http.port', '4711'], { home })).stderr).toContain('after a restart')
  await claw(['config', 'set', 'agents.order', '[pi, goose]'], { home })
  expect(readFileSync(file, 'utf8')).toBe(
    '# mine\nruns:\n  # four are enough\n  max: 8\nhttp:\n  port: 4711\nagents:\n  order:\n    - pi\n    - goose\n',
  )
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect((await claw(['config', 'get', 'runs.max'], { home })).stdout).toBe('8\n')
  expect(JSON.parse((await claw(['config', 'get', 'agents.order', '--json'], { home })).stdout)).toEqual([
    'pi',
    'goose',
  ])
})

test('what would be wrong is not written', async () => {
  writeFileSync(file, 'runs:\n  max: 4\n')
  for (const [key, value] of [
    ['runs.max', 'many'],
    ['runs.maxx', '4'],
    ['runs.max.more', '4'],
  ] as const) {
    expect(await claw(['config', 'set', key, value], { home })).toMatchObject({ code: 2, stdout: '' })
  }
  expect(readFileSync(file, 'utf8')).toBe('runs:\n  max: 4\n')
})

test('check names the line, get the nearest key', async () => {
  expect((await claw(['config', 'check'], { home })).stdout).toContain('the defaults hold')
  writeFileSync(file, 'runs:\n  maxx: 4\n')
  expect(await claw(['config', 'check'], { home })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('config.yaml:2'),
  })
  rmSync(file)
  expect((await claw(['config', 'get', 'runs.maxx'], { home })).stderr).toContain('did you mean runs.max?')
})
