import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createGit } from '../../../daemon/worktrees/git.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { aNotingGit, anOwner, aWorktree } from './owner-repository.ts'

/** A stand-in for git that runs this shell text. */
function aGit(text: string, clock = systemClock) {
  const { folder } = anOwner()
  const program = join(folder, 'git')
  writeFileSync(program, `#!/bin/sh\n${text}\n`)
  chmodSync(program, 0o755)
  const world = { clock, log: silentLog }
  return {
    folder,
    git: createGit({ world, ownerEnv: { PATH: process.env['PATH'], GIT_DIR: '/x', SECRET: 's' }, program }),
  }
}

describe('running git', () => {
  test('nothing of the daemon’s environment goes in, and our settings do', async () => {
    const { git } = aGit('env')
    const { text } = await git(['status'])
    expect(text).not.toMatch(/SECRET|^GIT_DIR=/m)
    for (const line of ['GIT_CONFIG_NOSYSTEM=1', 'GIT_CONFIG_GLOBAL=/dev/null', 'GIT_TERMINAL_PROMPT=0', 'LC_ALL=C']) {
      expect(text.split('\n')).toContain(line)
    }
    const settings = [...text.matchAll(/^GIT_CONFIG_KEY_(\d+)=(.*)$/gm)].map(([, n, key]) => {
      return `${key}=${new RegExp(`^GIT_CONFIG_VALUE_${n}=(.*)$`, 'm').exec(text)?.[1]}`
    })
    for (const setting of ['core.fsync=all', 'core.fsyncMethod=fsync', 'core.hooksPath=/dev/null', 'gc.auto=0']) {
      expect(settings).toContain(setting)
    }
  })

  test('a failure has git’s own words, and the code that fits', async () => {
    await expect(aGit('echo "fatal: bad thing" >&2; exit 128').git(['log'])).rejects.toMatchObject({
      code: 'git_failed',
      message: 'git log failed: fatal: bad thing',
      details: { exitCode: 128 },
    })
    const full = aGit('echo "error: unable to write file: No space left on device" >&2; exit 128').git(['add'])
    await expect(full).rejects.toMatchObject({ code: 'disk_full', mayRetry: true })
    const git = createGit({ world: { clock: systemClock, log: silentLog }, ownerEnv: {}, program: '/nowhere/git' })
    await expect(git(['log'])).rejects.toMatchObject({ code: 'command_missing' })
  })

  test('is stopped with all it started when its time is up', async () => {
    const clock = createFakeClock()
    const { folder, git } = aGit('sleep 1000 & echo $! > "$0.child"; wait', clock)
    const child = join(folder, 'git.child')
    const called = git(['fetch'], { timeoutMs: 5000 })
    const failed = expect(called).rejects.toMatchObject({ code: 'command_timeout' })
    await expect.poll(() => existsSync(child) && readFileSync(child, 'utf8').trim()).toMatch(/^\d+$/)
    await clock.advance(5000)
    await failed
    // The sleeper is a zombie of nobody's for a moment at most.
    const stat = `/proc/${readFileSync(child, 'utf8').trim()}/stat`
    await expect
      .poll(() => (existsSync(stat) ? readFileSync(stat, 'utf8').split(') ')[1]?.[0] : 'gone'))
      .toMatch(/gone|Z/)
  })

  test('output has a limit: a fault, or a cut where the caller asked for it', async () => {
    const { git } = aGit('yes')
    await expect(git(['log'], { outputMax: 1000 })).rejects.toMatchObject({ code: 'git_failed' })
    const { out, wasCut } = await git(['log'], { outputMax: 1000, cut: true })
    expect({ length: out.length, wasCut }).toEqual({ length: 1000, wasCut: true })
  })
})

test('every call on the way from a clone to a landing syncs what it writes and runs no hook', async () => {
  const { folder } = anOwner()
  const { program, notes } = aNotingGit(folder)
  const owner = anOwner({ program })
  const { worktree, capture, repository, base } = await aWorktree(owner, owner.repository('project'))
  writeFileSync(join(worktree, 'new.txt'), 'new\n')
  const captured = await capture()
  await repository.land('main', captured!.commit, base)
  await repository.removeWorktree(worktree)

  const calls = readFileSync(notes, 'utf8').trim().split('\n\n')
  const verbs = calls.map((call) => /^ARGS (?:--\S+ )*(\S+)/.exec(call)?.[1])
  expect(verbs).toEqual(
    expect.arrayContaining(['clone', 'fetch', 'read-tree', 'add', 'commit-tree', 'update-ref', 'merge']),
  )
  for (const call of calls.filter((_, n) => verbs[n] !== 'config')) {
    expect(call).toMatch(/=core\.fsync$/m)
    expect(call).toMatch(/=core\.hooksPath$/m)
  }
  // What one task costs: keep an eye on it, every one of them is a process.
  const from = verbs.lastIndexOf('read-tree')
  expect(verbs.slice(from, verbs.indexOf('update-ref', from) + 1).length).toBeLessThanOrEqual(7)
})

test.skipIf(spawnSync('strace', ['-V']).error !== undefined)(
  'a captured commit is on the disk before the ref that names it',
  async () => {
    const { folder } = anOwner()
    const trace = join(folder, 'trace')
    const program = join(folder, 'traced-git')
    writeFileSync(
      program,
      `#!/bin/sh\nexec strace -f -qq -y -A -o '${trace}' -e trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2 git "$@"\n`,
    )
    chmodSync(program, 0o755)
    const owner = anOwner({ program })
    const { worktree, capture } = await aWorktree(owner, owner.repository('project'))
    writeFileSync(join(worktree, 'new.txt'), 'new\n')
    writeFileSync(trace, '')
    const { commit } = (await capture())!

    const lines = readFileSync(trace, 'utf8').split('\n')
    const at = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line))
    const named = at(new RegExp(`(link|rename).*objects/${commit.slice(0, 2)}/${commit.slice(2)}`))
    const synced = lines.findLastIndex((line, n) => n < named && /fsync\(.*tmp_obj/.test(line))
    const refSynced = at(/fsync\(.*refs\/claw\/tasks\/1\/1\.lock/)
    const refMoved = at(/rename.*refs\/claw\/tasks\/1\/1"/)
    expect(synced).toBeGreaterThanOrEqual(0)
    expect([synced, named, refSynced, refMoved]).toEqual([synced, named, refSynced, refMoved].toSorted((a, b) => a - b))
    expect(
      lines.filter((line) => /fsync\(.*tmp_obj/.test(line)),
      'blob, tree, commit',
    ).toHaveLength(3)
  },
)
