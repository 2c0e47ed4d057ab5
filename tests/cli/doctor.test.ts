import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type Check, examine } from '../../cli/doctor/check.ts'
import {
  checkConfig,
  checkDaemonFile,
  checkDatabase,
  checkHome,
  checkPermissions,
  checkPort,
  newestMoment,
} from '../../cli/doctor/home.ts'
import { checkClock, checkDisk, checkGit, checkNode, checkSqlite } from '../../cli/doctor/machine.ts'
import { writeDaemonFile } from '../../config/daemon-file.ts'
import { type Paths, pathsIn } from '../../config/paths.ts'
import { openSqliteStore } from '../../daemon/store/sqlite-store.ts'
import { claw } from './run-claw.ts'

const folder = mkdtempSync(join(tmpdir(), 'claw-doctor-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let paths: Paths
let homes = 0
beforeEach(() => {
  paths = pathsIn(join(folder, `home-${homes++}`))
  mkdirSync(paths.stateDir, { recursive: true, mode: 0o700 })
  chmodSync(paths.home, 0o700)
})

/** Broken, it says so and how to mend it; mended by hand, it is well. */
async function byHand(check: Check, breakIt: () => void, mendIt: () => void) {
  expect(await examine(check, false)).toMatchObject({ level: 'ok' })
  breakIt()
  const broken = await examine(check, true)
  expect(broken.level).not.toBe('ok')
  expect(broken.mend).toBeTruthy()
  mendIt()
  expect(await examine(check, false)).toMatchObject({ level: 'ok' })
  return broken
}

/** Broken, it is only told without --fix and mended with it. */
async function byItself(check: Check, breakIt: () => void) {
  expect(await examine(check, false)).toMatchObject({ level: 'ok' })
  breakIt()
  const broken = await examine(check, false)
  expect(broken.level).not.toBe('ok')
  expect(broken).toMatchObject({ fixable: true, mend: expect.any(String) })
  expect(await examine(check, false)).toEqual(broken)
  expect(await examine(check, true)).toMatchObject({ level: 'ok', mended: true })
  expect(await examine(check, false)).toMatchObject({ level: 'ok' })
  return broken
}

describe('each line, broken once and mended once', () => {
  test('node and the SQLite that it carries', async () => {
    let version = 'v24.21.0'
    const node = await byHand(
      () => checkNode(version),
      () => (version = 'v24.12.0'),
      () => (version = 'v26.0.1'),
    )
    expect(node).toMatchObject({ level: 'fail', words: 'v24.12.0' })
    let sqlite: string | undefined = '3.53.0'
    const old = await byHand(
      () => checkSqlite(sqlite),
      () => (sqlite = '3.50.4'),
      () => (sqlite = '3.51.3'),
    )
    expect(old.words).toContain('can lose its log')
    expect(checkSqlite(undefined)).toMatchObject({ level: 'fail' })
  })

  test('git that is missing or too old', async () => {
    const bin = join(paths.home, 'bin')
    mkdirSync(bin)
    const install = (version: string) => {
      writeFileSync(join(bin, 'git'), `#!/bin/sh\necho git version ${version}\n`, { mode: 0o755 })
    }
    install('2.38.0')
    const old = await byHand(
      () => checkGit({ PATH: bin }),
      () => install('2.37.9'),
      () => install('3.0.1'),
    )
    expect(old).toMatchObject({ level: 'fail', words: 'git version 2.37.9' })
    expect(await checkGit({ PATH: join(paths.home, 'nowhere') })).toMatchObject({ words: 'not found' })
  })

  test('a home that others can read', async () => {
    const broken = await byItself(
      () => checkHome(paths),
      () => chmodSync(paths.home, 0o755),
    )
    expect(broken.mend).toBe(`chmod 700 ${paths.home}`)
  })

  test.runIf(process.getuid?.() === 0)('a home that belongs to another user', async () => {
    const broken = await byHand(
      () => checkHome(paths),
      () => chownSync(paths.home, 61_234, 61_234),
      () => chownSync(paths.home, 0, 0),
    )
    expect(broken).toMatchObject({ level: 'fail', words: `${paths.home} belongs to another user` })
  })

  test('files in it that others can read, however deep; only what others may is taken away', async () => {
    mkdirSync(join(paths.notesDir, 'deep'), { recursive: true, mode: 0o700 })
    const note = join(paths.notesDir, 'deep', 'note.md')
    writeFileSync(note, 'x', { mode: 0o600 })
    const broken = await byItself(
      () => checkPermissions(paths),
      () => chmodSync(note, 0o744),
    )
    expect(broken.words).toContain('deep/note.md')
    expect(statSync(note).mode & 0o777).toBe(0o700)
  })

  test('a disk that is nearly full', async () => {
    let free = 10 * 1024 ** 3
    const broken = await byHand(
      () => checkDisk(join(paths.home, 'not', 'there'), () => free),
      () => (free = 1024 ** 3),
      () => (free = 2 * 1024 ** 3),
    )
    expect(broken).toMatchObject({ level: 'warn', words: '1.0 GB free' })
    expect(checkDisk(paths.home, () => 1024)).toMatchObject({ level: 'fail' })
    expect(checkDisk(paths.home).words).toMatch(/^[\d.]+ [KMGT]B free$/)
  })

  test('a clock that is behind what was written down', async () => {
    await using store = openSqliteStore(paths.databaseFile)
    let now = 10_000_000
    const add = (at: number) =>
      store.db
        .insertInto('event')
        .values({ at, type: 'daemon.started', data: '{}', goalId: null, taskId: null, runId: null } as never)
        .execute()
    await add(now)
    const check = async () => checkClock(now, await newestMoment(paths))
    expect(await examine(check, false)).toMatchObject({ level: 'ok' })
    await add(now + 3_600_000)
    expect(await examine(check, false)).toMatchObject({
      level: 'warn',
      words: expect.stringContaining('1h 00m behind'),
    })
    now += 3_600_000
    expect(await examine(check, false)).toMatchObject({ level: 'ok' })
  })

  test('a configuration that is wrong', async () => {
    const broken = await byHand(
      () => checkConfig(paths, {}),
      () => writeFileSync(paths.configFile, 'runs:\n  maxx: 1\n'),
      () => writeFileSync(paths.configFile, 'runs:\n  max: 1\n'),
    )
    expect(broken.words).toContain('did you mean "runs.max"?')
  })

  test('a database that is damaged', async () => {
    expect(await checkDatabase(paths)).toMatchObject({ level: 'ok', words: 'none yet' })
    await openSqliteStore(paths.databaseFile)[Symbol.asyncDispose]()
    const whole = readFileSync(paths.databaseFile)
    const broken = await byHand(
      () => checkDatabase(paths),
      // The page of some index or table, as a dying disk would leave it.
      () => writeFileSync(paths.databaseFile, Buffer.from(whole).fill(0xff, 3 * 4096, 4 * 4096)),
      () => writeFileSync(paths.databaseFile, whole),
    )
    expect(broken).toMatchObject({ level: 'fail', mend: expect.stringContaining('claw restore') })
    writeFileSync(
      paths.databaseFile,
      'no database at all, only words that fill more than a hundred bytes, which is the length of its header',
    )
    expect(await checkDatabase(paths)).toMatchObject({
      level: 'fail',
      words: expect.stringContaining('cannot be read'),
    })
  })

  test('an address that a killed daemon left', async () => {
    const file = { port: 4711, token: 'token-of-enough-length', startedAt: 1, version: '1' }
    const broken = await byItself(
      () => checkDaemonFile(paths),
      () => writeDaemonFile(paths.daemonFile, { ...file, pid: 2 ** 22 + 1 }),
    )
    expect(broken.words).toContain('has ended')
    const half = await byItself(
      () => checkDaemonFile(paths),
      () => writeFileSync(paths.daemonFile, '{"port":'),
    )
    expect(half.words).toBe('cannot be understood')
    writeDaemonFile(paths.daemonFile, { ...file, pid: process.pid })
    expect(checkDaemonFile(paths)).toMatchObject({ level: 'ok' })
  })

  test('a port that another program holds', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    expect(await checkPort(port, false)).toMatchObject({ level: 'fail', mend: expect.stringContaining('http.port') })
    expect(await checkPort(port, true)).toMatchObject({ level: 'ok' })
    expect(await checkPort(0, false)).toMatchObject({ level: 'ok' })
    await new Promise((resolve) => server.close(resolve))
    expect(await checkPort(port, false)).toMatchObject({ level: 'ok' })
  })
})

/** Programs by name that do nothing; what else doctor itself needs is linked beside them. */
function aPath(...names: string[]): string {
  const bin = join(paths.home, `bin-${names.join('-')}`)
  mkdirSync(bin, { recursive: true })
  for (const name of ['git', ...names]) {
    writeFileSync(join(bin, name), '#!/bin/sh\necho git version 2.40.0\n', { mode: 0o755 })
  }
  return bin
}

describe('the whole command, without a daemon', () => {
  const look = async (env: Record<string, string>, ...words: string[]) => {
    const { code, stdout, stderr } = await claw(['doctor', '--json', ...words], { home: paths.home, env })
    const findings = JSON.parse(stdout) as { what: string; level: string; words: string; mend?: string }[]
    return { code, stderr, of: (what: string) => findings.find((one) => one.what === what) }
  }

  test('each of the lines that only a daemon can look into is broken once and mended once', async () => {
    const bare = await look({ PATH: aPath() })
    expect(bare.of('daemon')).toMatchObject({ level: 'warn', mend: 'claw daemon start' })
    expect(bare.of('agents')).toMatchObject({ level: 'warn', words: 'none on the PATH', mend: expect.any(String) })
    expect(bare.of('model')).toMatchObject({ level: 'warn', mend: expect.stringContaining('ANTHROPIC_API_KEY') })
    if (process.platform === 'linux') {
      expect(bare.of('sandbox')).toMatchObject({ level: 'warn', mend: expect.stringContaining('bubblewrap') })
    }
    const well = await look({ PATH: aPath('goose', 'bwrap'), OPENAI_API_KEY: 'sk-not-to-be-shown' })
    expect(well.of('agents')).toMatchObject({ level: 'ok', words: 'on the PATH: goose' })
    expect(well.of('model')).toEqual({ what: 'model', level: 'ok', words: 'key in OPENAI_API_KEY' })
    expect(well.of('sandbox')).toMatchObject({ level: 'ok' })
    // What is only missing is no failure.
    expect([bare.code, well.code]).toEqual([0, 0])
  })

  test('what is broken gives exit code 1 until it is mended; for people it is one line each', async () => {
    const PATH = aPath('goose', 'bwrap')
    chmodSync(paths.home, 0o755)
    const broken = await claw(['doctor'], { home: paths.home, env: { PATH } })
    expect(broken.code).toBe(1)
    expect(broken.stdout).toMatch(new RegExp(`^✗ home +${paths.home} is open to other users — chmod 700`, 'm'))
    expect(broken.stderr).toContain('claw doctor --fix mends what is safe')
    const mended = await claw(['doctor', '--fix'], { home: paths.home, env: { PATH } })
    expect(mended.code, mended.stdout).toBe(0)
    expect(mended.stdout).toMatch(/^✓ home .* — mended$/m)
    expect((await look({ PATH })).of('home')).toMatchObject({ level: 'ok' })
  })
})
