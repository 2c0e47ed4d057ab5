/**
 * The package as npm would install it: packed, unpacked under a node_modules, its dependencies beside it.
 * Node strips no types there, so what runs is the JavaScript of dist/.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claw } from '../cli/run-claw.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string
let installed: string
let packed: string[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-package-'))
  execFileSync(process.execPath, [join(root, 'scripts/prepack.ts')], { cwd: root, stdio: 'pipe' })
  const npm = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const said = JSON.parse(
    execFileSync('npm', npm, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )
  const [{ filename, files }] = Array.isArray(said) ? said : Object.values(said)
  packed = files.map(({ path }: { path: string }) => path)
  const modules = join(folder, 'node_modules')
  installed = join(modules, 'claw')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'])
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== 'claw' && !name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('it holds what runs and what that reads, and no sources or tests', () => {
  expect(packed).toContain('cli/claw.js')
  expect(packed).toContain('dist/cli/claw.js')
  expect(packed).toContain('dist/daemon/store/migrations/0001-first.sql')
  expect(packed.filter((path) => /\.ts$|^tests\/|^dist\/tests\//.test(path))).toEqual([])
})

const nodes = [process.execPath, '/usr/bin/node'].filter((path) => existsSync(path))

test.each(nodes)('the command runs under %s', async (node) => {
  const launcher = join(installed, 'cli', 'claw.js')
  expect(await claw(['--version'], { home: folder, launcher, node })).toMatchObject({ code: 0, stderr: '' })
  expect(await claw(['status'], { home: folder, launcher, node })).toMatchObject({
    code: 3,
    stderr: 'claw: The daemon is not running — Start it with: claw daemon start\n',
  })
})
