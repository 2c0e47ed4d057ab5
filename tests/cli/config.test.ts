import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
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

test('edited in the editor it takes effect only when it is right, and what was written is never lost', async () => {
  const edit = (script: string) => {
    const editor = join(home, 'editor')
    writeFileSync(editor, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    return claw(['config', 'edit'], { home, env: { EDITOR: editor } })
  }
  expect(await claw(['config', 'edit'], { home })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`Set VISUAL or EDITOR, or edit ${file}`),
  })
  expect(existsSync(file)).toBe(false)

  expect(await edit('printf "runs:\\n  max: 4\\n" > "$1"')).toMatchObject({ code: 0, stdout: `${file} is right.\n` })
  expect(readFileSync(file, 'utf8')).toBe('runs:\n  max: 4\n')
  expect(statSync(file).mode & 0o777).toBe(0o600)

  const wrong = await edit('sed -i s/max/maxx/ "$1"')
  expect(wrong).toMatchObject({ code: 2, stdout: '' })
  expect(wrong.stderr).toMatch(/claw config edit goes on with it\.\n.*config\.yaml:2/s)
  expect(readFileSync(file, 'utf8')).toBe('runs:\n  max: 4\n')

  const mended = await edit('grep -q maxx "$1" && sed -i "s/maxx: 4/max: 5/" "$1"')
  expect(mended).toMatchObject({ code: 0, stderr: expect.stringContaining(`Going on with ${file}.edit`) })
  expect(readFileSync(file, 'utf8')).toBe('runs:\n  max: 5\n')
  expect(existsSync(`${file}.edit`)).toBe(false)

  const late = await edit(`printf "runs:\\n  max: 6\\n" > ${file}; sed -i "s/max: 5/max: 7/" "$1"`)
  expect(late).toMatchObject({ code: 2, stderr: expect.stringContaining('was changed meanwhile') })
  expect(readFileSync(file, 'utf8')).toBe('runs:\n  max: 6\n')
  expect(readFileSync(`${file}.edit`, 'utf8')).toBe('runs:\n  max: 7\n')
})
