/**
 * The launcher, in a copy of the clone whose daemon is a small program of the test's: under the Node that runs
 * the tests and under the system's older one, where there is one.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isAlive } from '../../cli/daemon.ts'
import { findDaemonFile, writeDaemonFile } from '../../config/daemon-file.ts'
import { pathsIn } from '../../config/paths.ts'
import { claw, type RunOptions } from './run-claw.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const OLD_NODE = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  if (!existsSync(path)) return false
  const [major = 0, minor = 0] = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    .split('.')
    .map(Number)
  return major < 24 || (major === 24 && minor < 21)
})
if (!OLD_NODE) console.error('launcher under an older Node: skipped, there is none in /usr/bin or /usr/local/bin')

let clone: string
let home: string
beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), 'claw clone ü-'))
  for (const part of ['cli', 'config', 'core', 'package.json'])
    cpSync(join(root, part), join(clone, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  mkdirSync(join(clone, 'daemon'))
  // Serves what the CLI asks of a daemon that starts and stops; how it behaves is in a file of its home.
  writeFileSync(
    join(clone, 'daemon', 'main.ts'),
    `import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { newToken, removeDaemonFile, writeDaemonFile } from '../config/daemon-file.ts'
const home: string = process.env.CLAW_HOME!
appendFileSync(join(home, 'starts'), process.argv.slice(2).join(' ') + '\\n')
const way = existsSync(join(home, 'way')) ? readFileSync(join(home, 'way'), 'utf8') : ''
if (way.startsWith('exit')) {
  console.error('claw: config.yaml:2: unknown key "runs.maxx"')
  process.exit(Number(way.slice(5)))
}
const token = newToken()
const file = join(home, 'daemon.json')
const stop = () => {
  removeDaemonFile(file, { token })
  process.exit(0)
}
const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  if (request.headers.authorization !== 'Bearer ' + token) response.writeHead(401).end('{}')
  else if (request.url === '/healthz') response.end(JSON.stringify({ claw: true, version: '0', pid: process.pid }))
  else if (request.url === '/v1/stop') response.writeHead(202).end('{}', stop)
  else response.end(JSON.stringify({ goals: [], asks: [] }))
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number }
  writeDaemonFile(file, { port, token, pid: process.pid, startedAt: Date.now(), version: '0' })
  console.log('ready on ' + port)
})
process.on('SIGTERM', stop)
process.on('SIGINT', () => process.exit(7))
// A test that forgets it does not leave it behind for long.
setTimeout(() => process.exit(9), 120_000)
`,
  )
})
afterAll(() => rmSync(clone, { recursive: true, force: true }))
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'claw-home-'))
})
afterEach(async () => {
  const left = findDaemonFile(pathsIn(home).daemonFile)
  if (left && left.pid !== process.pid && isAlive(left.pid)) process.kill(left.pid, 'SIGKILL')
  rmSync(home, { recursive: true, force: true })
})

const run = (args: string[], options: Partial<RunOptions> = {}) =>
  claw(args, { home, launcher: join(clone, 'cli', 'claw.js'), ...options })
const starts = () =>
  existsSync(join(home, 'starts')) ? readFileSync(join(home, 'starts'), 'utf8').trim().split('\n') : []

describe.each([
  ['this Node', process.execPath],
  ...(OLD_NODE ? [['an older Node', OLD_NODE] as [string, string]] : []),
])('under %s', (_, node) => {
  test('the version is printed and the exit code passed on', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(await run(['--version'], { node })).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    expect((await run(['stauts'], { node })).code).toBe(2)
    expect((await run(['status'], { node })).code).toBe(3)
  })

  test('through a link on the PATH, as npm link makes it', async () => {
    const launcher = join(home, 'claw')
    symlinkSync(join(clone, 'cli', 'claw.js'), launcher)
    expect((await run(['--version'], { node, launcher })).code).toBe(0)
  })

  test('stdin reaches the program', async () => {
    expect(await run(['-'], { node, input: '   ' })).toMatchObject({ code: 2, stderr: 'claw: The goal is empty\n' })
  })

  test('a signal reaches the daemon in the foreground, whose exit code comes back', async () => {
    const said = await run(['daemon', 'run'], {
      node,
      onOutput: (out) => (out.includes('ready on') ? 'SIGINT' : undefined),
    })
    expect(said.code).toBe(7)
    expect(starts()).toEqual([''])
  })
})

test('an older Node with no other beside it says in one line what is missing', async () => {
  if (!OLD_NODE) return expect(OLD_NODE).toBeUndefined()
  const bare = join(home, 'bare')
  cpSync(join(root, 'cli'), join(bare, 'cli'), { recursive: true })
  writeFileSync(join(bare, 'package.json'), '{"type":"module"}')
  const said = await run(['status'], { node: OLD_NODE, launcher: join(bare, 'cli', 'claw.js') })
  expect(said.code).toBe(1)
  expect(said.stderr).toMatch(/^claw: Node 24\.21 or newer is needed and this is \d+\.\d+\.\d+.*\n$/)
})

test('a command that needs the daemon starts it once, on its own, and says so', async () => {
  const first = await run(['inbox'])
  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('starting the daemon') })
  const second = await run(['inbox'])
  expect(second.stderr).not.toContain('starting')
  expect(starts()).toEqual(['--detached'])
  expect(await run(['daemon', 'stop'])).toMatchObject({ code: 0, stdout: 'The daemon has stopped.\n' })
  expect((await run(['status'])).code).toBe(3)
})

test('a daemon.json that outlived its daemon does not stand in the way', async () => {
  const left = { port: 1, token: 'x'.repeat(32), startedAt: 1, version: '0' }
  for (const pid of [2 ** 22 - 1, process.pid]) {
    writeDaemonFile(pathsIn(home).daemonFile, { ...left, pid })
    expect((await run(['inbox'])).code).toBe(0)
    await run(['daemon', 'stop'])
  }
  expect(starts()).toHaveLength(2)
})

test('nor does another program that has its port and its process number by now', async () => {
  await using other = createServer((_, response) => void response.end('{"claw":true,"pid":1}'))
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const left = { port, token: 'x'.repeat(32), pid: process.pid, startedAt: 1, version: '0' }
  writeDaemonFile(pathsIn(home).daemonFile, left)
  expect((await run(['inbox'])).code).toBe(0)
  expect(starts()).toHaveLength(1)
})

test('a daemon that does not come up is one line with its last words, at once', async () => {
  writeFileSync(join(home, 'way'), 'exit 1')
  const said = await run(['Do the thing'])
  expect(said.code).toBe(3)
  expect(said.stderr).toContain('The daemon ended at once: claw: config.yaml:2: unknown key "runs.maxx"')
})

test('starting and stopping twice is no failure', async () => {
  expect((await run(['daemon', 'start', '--json'])).stdout).toContain('"started":true')
  expect((await run(['daemon', 'start', '--json'])).stdout).toContain('"started":false')
  expect((await run(['daemon', 'stop'])).code).toBe(0)
  expect(await run(['daemon', 'stop'])).toMatchObject({ code: 0, stderr: 'No daemon runs.\n' })
})
