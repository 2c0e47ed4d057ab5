import { execFileSync, spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { runCommand } from '../../../daemon/processes/run-command.ts'
import { findProgram, findSandbox } from '../../../daemon/sandbox/find-sandbox.ts'
import type { Confinement, Sandbox } from '../../../daemon/sandbox/sandbox.ts'

const PATH = '/usr/bin:/bin:/usr/sbin:/sbin'
const deps = { clock: systemClock, log: silentLog }
/** Not below /tmp, which is private in any case; a checkout may lie there, and then root has other places. */
const place = [import.meta.dirname, '/opt', '/srv'].find(
  (folder) => !/^\/(var\/)?tmp\//.test(folder) && isWritable(folder),
)
const works = (await probe()) === 'bubblewrap'
const bubblewrapWorks = place !== undefined && works
if (!bubblewrapWorks)
  console.log('skipped: bubblewrap does not work here, or there is no folder outside /tmp to try it in')

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

async function probe(): Promise<string> {
  const clawHome = mkdtempSync(join(tmpdir(), 'claw-probe-'))
  const found = await findSandbox(deps, { clawHome, ownerHome: '/root', path: PATH })
  rmSync(clawHome, { recursive: true })
  return found.name
}

/** As root, everything is tried twice: the daemon may belong to root or to an ordinary user. */
const users = process.getuid?.() === 0 && findProgram('setpriv', PATH) ? ['root', 'nobody'] : ['myself']

describe.skipIf(!bubblewrapWorks).each(users)('bubblewrap, as %s', (user) => {
  let base: string
  let clawHome: string
  let ownerHome: string
  let worktree: string
  let hostFile: string
  let sandbox: Sandbox
  let server: Server
  let port: number

  beforeAll(async () => {
    base = mkdtempSync(join(place!, '.claw-sandbox-'))
    clawHome = join(base, 'claw')
    ownerHome = join(base, 'owner')
    worktree = join(clawHome, 'worktrees', 'mine')
    for (const folder of [
      worktree,
      join(clawHome, 'worktrees', 'sibling'),
      join(clawHome, 'home'),
      join(ownerHome, '.ssh'),
    ]) {
      mkdirSync(folder, { recursive: true })
    }
    writeFileSync(join(clawHome, 'daemon.json'), 'claw-token')
    writeFileSync(join(clawHome, 'worktrees', 'sibling', 'file'), 'sibling-work')
    writeFileSync(join(ownerHome, '.ssh', 'id'), 'ssh-key')
    hostFile = join(mkdtempSync(join(tmpdir(), 'claw-host-')), 'file')
    writeFileSync(hostFile, 'somebody else works here')
    symlinkSync(join(ownerHome, '.ssh', 'id'), join(worktree, 'link-out'))
    if (user === 'nobody') {
      chmodSync(base, 0o755)
      execFileSync('chown', ['-R', 'nobody', base])
    }
    sandbox = await findSandbox(deps, { clawHome, ownerHome, path: PATH })
    server = createServer((socket) => socket.end('reached the host\n'))
    port = await new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
    })
  })
  afterAll(() => {
    server.close()
    for (const folder of [base, join(hostFile, '..')]) rmSync(folder, { recursive: true, force: true })
  })

  let serial = 0
  async function inside(script: string, wishes: Partial<Confinement> = {}, stopAtFirstWord?: AbortController) {
    await using confined = await sandbox.confine(['/bin/bash', '-c', script], {
      cwd: worktree,
      writable: [worktree, join(clawHome, 'home')],
      readable: [],
      hidden: [],
      network: 'none',
      env: { PATH, HOME: join(clawHome, 'home'), SECRET_IN_ENV: 'model-key' },
      ...wishes,
    })
    const as = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups'] as const
    const end = await runCommand(deps, {
      argv: user === 'nobody' ? [...as, ...confined.argv] : confined.argv,
      env: confined.env,
      cwd: '/',
      runId: `sandbox-test-${process.pid}-${serial++}`,
      timeoutMs: 20_000,
      outputBytesMax: 100_000,
      graceMs: 20_000,
      signal: stopAtFirstWord?.signal,
      onOutput: () => stopAtFirstWord?.abort(),
    })
    return { ...end, argv: confined.argv }
  }

  test('writes its worktree and HOME, starts in its worktree, and the files are really there', async () => {
    const end = await inside('pwd; echo work > done.txt && echo state > $HOME/state && cat done.txt')
    expect(end).toMatchObject({ exitCode: 0, tail: `${worktree}\nwork\n` })
    expect(readFileSync(join(worktree, 'done.txt'), 'utf8')).toBe('work\n')
    expect(readFileSync(join(clawHome, 'home', 'state'), 'utf8')).toBe('state\n')
  })

  test.each([
    ['the Claw home', () => `cat ${clawHome}/daemon.json`],
    ['a sibling worktree', () => `cat ${clawHome}/worktrees/sibling/file`],
    ["the owner's keys", () => `cat ${ownerHome}/.ssh/id`],
    ['a symlink that leads out of the worktree', () => 'cat link-out'],
    ["root's home", () => 'ls -A /root | grep .'],
    ['other homes', () => 'ls -A /home | grep .'],
    ['sockets of the host', () => 'ls -A /run | grep .'],
    ['password hashes', () => 'cat /etc/shadow'],
    ["the host's /tmp", () => `cat ${hostFile}`],
    ["the daemon's environment", () => `tr '\\0' ' ' < /proc/${process.pid}/environ | grep .`],
    ['processes outside', () => `kill -0 ${process.pid}`],
    ['any kernel setting, for writing', () => 'true >> /proc/sys/kernel/core_pattern'],
    ['control groups', () => 'mkdir /sys/fs/cgroup/memory/claw || mkdir /sys/fs/cgroup/claw'],
    ['disks', () => 'ls /dev | grep -E "^(sd|vd|nvme|mem$|kmsg)"'],
  ])('cannot reach %s', async (_what, script) => {
    const end = await inside(script())
    expect(end.exitCode, end.tail).not.toBe(0)
    expect(end.tail).not.toMatch(/claw-token|sibling-work|ssh-key/)
  })

  test('what is hidden does not even show its names', async () => {
    const end = await inside(`ls -A ${clawHome} ${clawHome}/worktrees ${ownerHome}`)
    expect(end.tail).not.toMatch(/daemon.json|sibling|ssh/)
    expect(end.tail).toContain('mine')
  })

  test.each([
    ['system folders', () => ['/etc/claw-was-here', '/usr/claw-was-here']],
    ['hidden folders', () => [`${clawHome}/claw-was-here`, '/root/claw-was-here', '/run/claw-was-here']],
  ])('cannot write %s', async (_what, paths) => {
    for (const path of paths()) {
      const end = await inside(`touch ${path}`)
      expect(end.exitCode, `${path} ${end.tail}`).not.toBe(0)
      expect(existsSync(path)).toBe(false)
    }
  })

  test('a readable path below a hidden one can be read and not written', async () => {
    const tools = join(ownerHome, 'tools')
    mkdirSync(tools, { recursive: true })
    writeFileSync(join(tools, 'program'), 'program')
    if (user === 'nobody') chownSync(tools, 65534, 65534)
    const end = await inside(`cat ${tools}/program && ! touch ${tools}/x && ! cat ${ownerHome}/.ssh/id`, {
      readable: [tools],
    })
    expect(end.exitCode, end.tail).toBe(0)
    expect(existsSync(join(tools, 'x'))).toBe(false)
  })

  test('a wish to hide one file inside the worktree is kept', async () => {
    writeFileSync(join(worktree, '.env'), 'deploy-key')
    const end = await inside('cat .env', { hidden: [join(worktree, '.env')] })
    expect(end.exitCode).not.toBe(0)
    expect(end.tail).not.toContain('deploy-key')
  })

  test('cannot take an outside file into the worktree by a hard link', async () => {
    const end = await inside('ln /usr/bin/env stolen')
    expect(end.exitCode).not.toBe(0)
  })

  test('cannot mount, nor trace or signal what it did not start', async () => {
    const end = await inside(
      'mount -t tmpfs none /mnt 2>&1; umount /root 2>&1; umount -l /tmp 2>&1; ps -e -o comm= | sort -u | tr "\\n" " "',
    )
    expect(end.tail).toMatch(/denied|permitted|superuser|must be/i)
    expect(end.tail).not.toContain('node')
  })

  test('has no network at all with `none`, but a loopback of its own', async () => {
    const end = await inside(`exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3`)
    expect(end.exitCode).not.toBe(0)
    expect(end.tail).not.toContain('reached')
    const own = await inside('cat /proc/net/dev | grep -c ":"; cat /proc/net/dev | grep -o "lo:"')
    expect(own.tail).toBe('1\nlo:\n')
  })

  test('reaches the host with network `host`', async () => {
    const end = await inside(`exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3`, { network: 'host' })
    expect(end.tail).toContain('reached the host')
  })

  test('passes the environment on without showing it on the command line', async () => {
    const end = await inside('env | cut -d= -f1 | sort | tr "\\n" " "; echo; echo $SECRET_IN_ENV')
    expect(end.argv.join(' ')).not.toContain('model-key')
    expect(end.tail).toContain('model-key')
    expect(
      end.tail
        .split('\n')[0]
        ?.trim()
        .split(' ')
        .filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name)),
    ).toEqual(['CLAW_RUN_ID', 'HOME', 'PATH', 'SECRET_IN_ENV'])
  })

  test('lets a program tidy up before it is killed', async () => {
    const stop = new AbortController()
    const end = await inside(
      'trap "sleep 0.3; echo tidied; exit 3" TERM; echo up; while :; do sleep 0.01; done',
      {},
      stop,
    )
    expect(end).toMatchObject({ exitCode: 3, tail: expect.stringContaining('tidied') })
  })

  test('passes the exit code on, and a private /tmp and /dev/shm work', async () => {
    const end = await inside('echo a > /tmp/a && echo b > /var/tmp/b && echo c > /dev/shm/c && exit 42')
    expect(end).toMatchObject({ exitCode: 42, tail: '' })
    expect(existsSync('/tmp/a')).toBe(false)
  })

  test('git can read the history of a worktree whose repository lies in the Claw home, and cannot write it', async () => {
    const gitDir = join(clawHome, 'repo.git')
    const tree = join(clawHome, 'worktrees', `git-${user}`)
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@t']
    execFileSync('git', ['init', '-q', '--bare', gitDir])
    const empty = execFileSync('git', ['-C', gitDir, 'mktree'], { input: '' }).toString().trim()
    const commit = execFileSync('git', ['-C', gitDir, ...identity, 'commit-tree', '-m', 'first', empty])
      .toString()
      .trim()
    execFileSync('git', ['-C', gitDir, 'worktree', 'add', '-q', '--detach', tree, commit])
    if (user === 'nobody') execFileSync('chown', ['-R', 'nobody', gitDir, tree])
    const end = await inside(
      'echo new > new.txt; git status --short && git log --format=%s && git diff --stat && ! git commit -q --allow-empty -m no && ! git update-ref refs/heads/x HEAD',
      { cwd: tree, writable: [tree], readable: [gitDir] },
    )
    expect(end.exitCode, end.tail).toBe(0)
    expect(end.tail).toMatch(/\?\? new.txt\nfirst\n/)
  })
})

test('where bubblewrap runs at all, our profile works with it', () => {
  const plain = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-pid', 'true'], { env: { PATH } })
  expect(works).toBe(plain.status === 0)
})

test('a machine without bubblewrap gets a sandbox that says it is none', async () => {
  const clawHome = mkdtempSync(join(tmpdir(), 'claw-none-'))
  const missing = await findSandbox(deps, { clawHome, ownerHome: '/root', path: clawHome })
  expect(missing).toMatchObject({ name: 'none', words: expect.stringContaining('not installed') })
  const mac = await findSandbox(deps, { clawHome, ownerHome: '/root', path: PATH, platform: 'darwin' })
  expect(mac.name).toBe('none')

  writeFileSync(
    join(clawHome, 'bwrap'),
    '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2; exit 1\n',
  )
  chmodSync(join(clawHome, 'bwrap'), 0o755)
  const refused = await findSandbox(deps, { clawHome, ownerHome: '/root', path: clawHome })
  expect(refused).toMatchObject({
    name: 'none',
    words: expect.stringContaining('No permissions to create new namespace'),
  })

  writeFileSync(
    join(clawHome, 'bwrap'),
    '#!/bin/sh\nwhile [ "$1" != -- ]; do [ $# -gt 0 ] || exit 0; shift; done; shift; exec "$@"\n',
  )
  const liar = await findSandbox(deps, { clawHome, ownerHome: '/root', path: `${clawHome}:${PATH}` })
  expect(liar.name).toBe('none')
  rmSync(clawHome, { recursive: true })
})
