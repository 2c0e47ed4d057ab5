import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { insideOf } from '../../../daemon/worktrees/safe-path.ts'
import { anOwner } from './owner-repository.ts'

function aRoot() {
  const { folder } = anOwner()
  const root = join(folder, 'root')
  mkdirSync(join(root, 'src'), { recursive: true })
  mkdirSync(join(root, '.git'))
  mkdirSync(join(folder, 'root-neighbour'))
  writeFileSync(join(folder, 'secret'), 's')
  symlinkSync('src', join(root, 'alias'))
  symlinkSync('..', join(root, 'out'))
  symlinkSync('../root-neighbour', join(root, 'neighbour'))
  symlinkSync('../secret', join(root, 'file-link'))
  symlinkSync('../not-there-yet', join(root, 'dangling'))
  symlinkSync('.git', join(root, 'git-link'))
  symlinkSync('loop', join(root, 'loop'))
  return root
}

test.each([
  ['a.txt', 'a.txt'],
  ['src/deep/er/b.txt', 'src/deep/er/b.txt'],
  ['alias/c.txt', 'src/c.txt'],
  ['.gitignore', '.gitignore'],
  ['..config', '..config'],
])('%s may be written', async (path, place) => {
  const root = aRoot()
  expect(await insideOf(root, path)).toBe(join(root, place))
})

test.each([
  '',
  '..',
  '../x',
  'src/../../x',
  './x',
  'src//x',
  '/etc/passwd',
  'C:/x',
  'src\\..\\x',
  'a\0b',
  '.git/config',
  '.GIT/hooks/x',
  '.git./config',
  'git~1/config',
  'src/.git',
  'out/x',
  'neighbour/x',
  'file-link',
  'dangling',
  'git-link/config',
  'loop/x',
])('%j is refused', async (path) => {
  await expect(insideOf(aRoot(), path)).rejects.toMatchObject({ code: 'path_unsafe' })
})
