import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { packRepositories } from '../../../daemon/upkeep/pack-repositories.ts'
import { createGit } from '../../../daemon/worktrees/git.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-pack-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const world = { clock: systemClock, log: silentLog }
const run = () =>
  packRepositories({
    world,
    git: createGit({ world, ownerEnv: { PATH: process.env['PATH'] } }),
    paths: { repositoriesDir: join(folder, 'repositories'), notesDir: join(folder, 'notes') },
  }).run(new AbortController().signal)

const git = (dir: string, input: string, ...args: string[]) =>
  execFileSync('git', [`--git-dir=${dir}`, '-c', 'core.fsync=none', ...args], {
    input,
    env: { PATH: process.env['PATH'] },
  })
    .toString()
    .trim()

/** A repository with one commit, and so many objects that no ref reaches. */
function make(dir: string, objects: number): string[] {
  mkdirSync(join(dir, '..'), { recursive: true })
  execFileSync('git', ['init', '--quiet', '--bare', dir])
  const blob = git(dir, 'kept', 'hash-object', '-w', '--stdin')
  const tree = git(dir, `100644 blob ${blob}\tfile\n`, 'mktree')
  const commit = git(dir, '', '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit-tree', tree, '-m', 'x')
  git(dir, '', 'update-ref', 'refs/claw/tasks/1/1', commit)
  return [blob, tree, commit, ...add(dir, objects)]
}

/** In one call, each an object of its own file. */
function add(dir: string, count: number): string[] {
  const files = Array.from({ length: count }, (_, n) => {
    const file = join(folder, `blob-${n}`)
    writeFileSync(file, `${n} ${Math.random()}`)
    return file
  })
  return git(dir, files.join('\n'), 'hash-object', '-w', '--no-filters', '--stdin-paths').split('\n')
}

function look(dir: string, ids: string[]) {
  const found = Object.fromEntries(
    git(dir, '', 'count-objects', '-v')
      .split('\n')
      .map((line) => line.split(': ')),
  )
  const missing = git(dir, ids.join('\n'), 'cat-file', '--batch-check')
    .split('\n')
    .filter((line) => line.endsWith('missing'))
  return { loose: Number(found['count']), packs: Number(found['packs']), missing }
}

test('many loose objects become one pack, and none is lost, whether a ref reaches it or not', async () => {
  const [clone, notes] = [join(folder, 'repositories/repo_1.git'), join(folder, 'notes/.git')]
  const [inClone, inNotes] = [make(clone, 600), make(notes, 600)]
  await run()
  for (const [dir, ids] of [
    [clone, inClone],
    [notes, inNotes],
  ] as const) {
    expect(look(dir, ids)).toEqual({ loose: 0, packs: 1, missing: [] })
    expect(git(dir, '', 'fsck', '--full', '--no-dangling')).toBe('')
  }
})

test('a year of it stays a handful of packs', async () => {
  const dir = join(folder, 'repositories/repo_1.git')
  const ids = make(dir, 10)
  for (let day = 0; day < 12; day++) {
    ids.push(...add(dir, 501))
    await run()
  }
  const found = look(dir, ids)
  expect(found).toMatchObject({ loose: 0, missing: [] })
  expect(found.packs).toBeLessThan(5)
})

test('a small repository is left alone, and so is what is none', async () => {
  const dir = join(folder, 'repositories/repo_1.git')
  const ids = make(dir, 10)
  mkdirSync(join(folder, 'repositories/broken.git/objects'), { recursive: true })
  mkdirSync(join(folder, 'repositories/other'), { recursive: true })
  await run()
  expect(look(dir, ids)).toEqual({ loose: 13, packs: 0, missing: [] })
})

test('half a pack that a killed git left is removed after a day, not before', async () => {
  const dir = join(folder, 'repositories/repo_1.git')
  make(dir, 1)
  const pack = join(dir, 'objects/pack')
  for (const name of ['tmp_pack_old', '.tmp-1-pack-old.pack', 'tmp_pack_new']) writeFileSync(join(pack, name), 'x')
  for (const name of ['tmp_pack_old', '.tmp-1-pack-old.pack']) utimesSync(join(pack, name), new Date(0), new Date(0))
  await run()
  expect(readdirSync(pack)).toEqual(['tmp_pack_new'])
})
