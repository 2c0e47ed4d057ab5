import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { SECOND, systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import type { AgentDriver, AgentSession } from '../../../daemon/agents/agent.ts'
import type { DetectedAgent } from '../../../daemon/agents/profiles/detect.ts'
import { tryAgent } from '../../../daemon/doctor/try-agent.ts'
import { tryMemory } from '../../../daemon/doctor/try-memory.ts'
import { tryModel } from '../../../daemon/doctor/try-model.ts'
import { createProcessTable } from '../../../daemon/processes/process-table.ts'
import { makeRepository } from '../../fakes/repositories.ts'
import { scriptedAgentFile } from '../../fakes/scripted-agent.ts'
import { openRoom, plan, task } from '../../scenarios/daemon-room.ts'

test('a whole daemon is looked at: its agent starts and answers, leftovers are found, told, and mended', async () => {
  const room = await openRoom({ config: { agents: { custom: { broken: { command: ['/bin/false'] } } } }, agents: [] })
  const of = async (what: string, request = { online: false, fix: false }) =>
    (await room.daemon.examine(request)).find((finding) => finding.what === what)
  expect(await of('agent broken')).toMatchObject({ level: 'fail', mend: expect.any(String) })
  expect(await of('agents')).toMatchObject({
    level: 'fail',
    words: expect.stringContaining('none can work'),
    mend: expect.stringContaining('claw setup'),
  })
  expect(await of('worktrees')).toMatchObject({ level: 'ok' })

  // A folder that no task names may hold work: it is told, also with --fix.
  mkdirSync(join(room.paths.worktreesDir, 'somebody'))
  expect(await of('worktrees', { online: false, fix: true })).toMatchObject({
    level: 'warn',
    words: expect.stringContaining('somebody'),
  })
  rmdirSync(join(room.paths.worktreesDir, 'somebody'))
  expect(await of('worktrees')).toMatchObject({ level: 'ok' })
  // A checkout of a verification that nobody ended.
  const left = join(room.paths.verifyDir, 'left')
  mkdirSync(left, { recursive: true })
  expect(await of('checkouts')).toMatchObject({ level: 'ok' })
  utimesSync(left, new Date(0), new Date(0))
  expect(await of('checkouts')).toMatchObject({ level: 'warn', fixable: true })
  expect(await of('checkouts', { online: false, fix: true })).toMatchObject({ level: 'ok', mended: true })
  expect(existsSync(left)).toBe(false)
})

test('an agent that works is one line, and a process that a run left is ended', async () => {
  const room = await openRoom()
  const of = async (what: string, fix: boolean) =>
    (await room.daemon.examine({ online: false, fix })).find((finding) => finding.what === what)
  expect(await of('agent scripted', false)).toMatchObject({
    level: 'ok',
    // Its version is what it says itself when it is greeted.
    words: expect.stringMatching(/^scripted 1 starts and answers \([\d.]+ s\), with its own login$/),
  })
  expect(readdirSync(join(room.paths.runsDir, 'doctor'))).toEqual([])

  await room.add(plan([task('a')]), makeRepository({ 'README.md': 'x' }))
  await room.settled()
  const [run] = room.query<{ id: string }>('select id from run')
  const orphan = spawn('sleep', ['600'], {
    env: { PATH: '/usr/bin:/bin', CLAW_RUN_ID: run!.id },
    detached: true,
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => orphan.once('exit', (_, signal) => resolve(signal)))
  try {
    expect(await of('processes', false)).toMatchObject({
      level: 'warn',
      fixable: true,
      words: expect.stringContaining(run!.id),
    })
    expect(await of('processes', true)).toMatchObject({ level: 'ok', mended: true })
    expect(await ended).toBe('SIGKILL')
    expect(await of('processes', false)).toMatchObject({ level: 'ok' })
  } finally {
    orphan.kill('SIGKILL')
  }
})

test('an agent that dies when it is greeted, and the line that then none can work, are well again when it is mended', async () => {
  const bin = mkdtempSync(join(tmpdir(), 'claw-agent-'))
  onTestFinished(() => rmSync(bin, { recursive: true, force: true }))
  const program = join(bin, 'mine')
  writeFileSync(program, '#!/bin/sh\necho no licence >&2\nexit 3\n', { mode: 0o755 })
  const agents = { default: 'mine', custom: { mine: { command: [program] } } }
  const room = await openRoom({ agents: [], config: { agents, sandbox: { kind: 'none' } } })
  const look = async () => {
    const findings = await room.daemon.examine({ online: false, fix: false })
    return Object.fromEntries(['agent mine', 'agents'].map((what) => [what, findings.find((one) => one.what === what)]))
  }
  expect(await look()).toMatchObject({
    'agent mine': { level: 'fail', words: expect.stringContaining('no licence'), mend: expect.any(String) },
    agents: { level: 'fail', words: expect.stringContaining('none can work') },
  })
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${scriptedAgentFile}'\n`)
  expect(await look()).toMatchObject({
    'agent mine': { level: 'ok', words: expect.stringMatching(/^mine \(scripted 1\) starts and answers/) },
    agents: { level: 'ok' },
  })
})

test('a memory that cannot be opened is told with what to do, and is well when it can', async () => {
  const room = await openRoom({ agents: [], config: { memory: { model: null } } })
  let isLocked = true
  const door = {
    isOn: true,
    open: async () => (isLocked ? Promise.reject(new Error('another program holds it')) : room.daemon.memory.open()),
  }
  const [broken, ...others] = await tryMemory(door, true)
  expect(others).toEqual([])
  expect(broken).toMatchObject({
    what: 'memory',
    level: 'fail',
    words: 'cannot be opened: another program holds it',
    mend: expect.stringContaining('claw logs'),
  })
  isLocked = false
  const [notes, index] = await tryMemory(door, false)
  expect([notes!.level, index!.level]).toEqual(['ok', 'ok'])
  const opened = await room.daemon.memory.open()
  const text = 'plain words please '.repeat(600)
  await opened.remember({ kind: 'preference', text, source: { from: 'owner', ref: null } })
  expect((await tryMemory(door, false)).at(-1)).toMatchObject({
    what: 'memory profile',
    level: 'warn',
    words: expect.stringContaining('NOT given to agents'),
    mend: expect.stringContaining('memory.profileTokensMax'),
  })
  expect(await tryMemory({ ...door, isOn: false }, false)).toEqual([
    { what: 'memory', level: 'ok', words: 'off (`memory.enabled`)' },
  ])
})

test('of agents that nobody asked for, it is one line that they are missing', async () => {
  const well = await openRoom({ agents: ['scripted'], config: { agents: { default: 'scripted' } } })
  const findings = await well.daemon.examine({ online: false, fix: false })
  expect(findings.find(({ what }) => what === 'agents')).toMatchObject({
    level: 'ok',
    words: expect.stringContaining('not installed: claude, codex'),
  })
  expect(findings.filter(({ what }) => what.startsWith('agent ')).map(({ what }) => what)).toContain('agent scripted')
  expect(findings.some(({ what }) => what === 'agent claude')).toBe(false)
})

test('a sandbox that is given up, and a model that nobody set, are told and well again when mended', async () => {
  const broken = await openRoom({ config: { sandbox: { kind: 'none' } } })
  const of = async (room: Awaited<ReturnType<typeof openRoom>>, what: string) =>
    (await room.daemon.examine({ online: false, fix: true })).find((finding) => finding.what === what)
  expect(await of(broken, 'sandbox')).toMatchObject({ level: 'warn', mend: expect.stringContaining('bubblewrap') })
  expect(await of(broken, 'model')).toMatchObject({ level: 'warn', mend: expect.stringContaining('ANTHROPIC_API_KEY') })
  const model = { provider: 'openai-chat', model: 'm-1', baseUrl: 'http://127.0.0.1:9/v1' }
  const mended = await openRoom({ config: { model } })
  expect(await of(mended, 'model')).toMatchObject({ level: 'ok', words: expect.stringContaining('m-1') })
  if ((await mended.daemon.health()).sandbox.name !== 'none') {
    expect(await of(mended, 'sandbox')).toMatchObject({ level: 'ok' })
  }
})

const agent = (over: Partial<DetectedAgent>): DetectedAgent =>
  ({
    name: 'x',
    profile: { title: 'X', command: ['x'] },
    missing: [],
    program: '/bin/x',
    model: null,
    loggedIn: true,
    usable: true,
    ...over,
  }) as DetectedAgent

test('an agent that is missing, has no login, or never answers, each says what to do', async () => {
  const room = await openRoom({ agents: [] })
  const deps = {
    world: { clock: systemClock, log: silentLog },
    table: createProcessTable(),
    folder: join(room.folder, 'trial'),
    newRunId: () => 'run_trial',
  }
  // It starts a real process that never speaks; only the time limit ends it.
  let isEnded: Promise<unknown> = Promise.resolve()
  const driver: AgentDriver = {
    open({ runId }) {
      const child = spawn('sleep', ['600'], { env: { PATH: '/usr/bin:/bin', CLAW_RUN_ID: runId }, detached: true })
      isEnded = new Promise((resolve) => child.once('exit', resolve))
      return new Promise((_, reject) => child.once('exit', () => reject(new Error('it ended'))))
    },
  }
  const trial = { ...deps, driver, limitMs: SECOND }
  expect(await tryAgent(trial, agent({ missing: ['x'], usable: false }))).toMatchObject({
    level: 'warn',
    words: 'not installed (x)',
  })
  expect(await tryAgent(trial, agent({ usable: false }))).toMatchObject({
    level: 'warn',
    mend: expect.stringContaining('Log in'),
  })
  const answering: AgentDriver = {
    open: async () =>
      ({ program: { name: null, version: '2' }, stop: async () => {} }) as Partial<AgentSession> as AgentSession,
  }
  expect(await tryAgent({ ...trial, driver: answering }, agent({}))).toMatchObject({
    level: 'ok',
    words: expect.stringContaining('X 2 starts and answers'),
  })
  expect(await tryAgent(trial, agent({}))).toMatchObject({
    level: 'fail',
    words: expect.stringContaining('did not answer within 1 s'),
  })
  await isEnded
  expect(readdirSync(deps.folder)).toEqual([])
})

test('a provider is asked for its models: a good key, a bad one, and nobody there', async () => {
  let trouble: number | undefined
  const server = createServer((request, response) => {
    response.statusCode =
      trouble ?? (request.url === '/v1/models' && request.headers['x-api-key'] === 'good-key' ? 200 : 401)
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const access = { api: 'anthropic' as const, baseUrl, key: 'good-key', model: 'm-1' }
  expect(await tryModel(access)).toMatchObject({ level: 'ok' })
  const bad = await tryModel({ ...access, key: 'bad-key' })
  expect(bad).toMatchObject({ level: 'fail', words: expect.stringContaining('refuses the key') })
  expect(JSON.stringify(bad)).not.toContain('bad-key')
  trouble = 503
  expect(await tryModel(access)).toMatchObject({ level: 'warn', words: expect.stringContaining('answers with 503') })
  trouble = 404
  expect(await tryModel(access)).toMatchObject({ level: 'ok', words: expect.stringContaining('does not list') })
  trouble = undefined
  expect(await tryModel(access)).toMatchObject({ level: 'ok', words: expect.stringContaining('takes the key') })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect(await tryModel(access)).toMatchObject({ level: 'fail', words: expect.stringContaining('cannot be reached') })
})
