import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { stepsTaken } from '../model-server/conversation.ts'
import type { ModelRequest, Script, Step } from '../model-server/exchange.ts'
import { type ModelServer, startModelServer } from '../model-server/model-server.ts'
import { firstOf, prompted, times, when, work } from '../model-server/script.ts'
import { AGENTS, environmentOf, findProgram, type Place, type TestAgent } from './installed.ts'
import { openRaw, type RawSession } from './raw-acp.ts'

/**
 * Real agents against the scripted model server: each understands its answers, and each of the
 * script's steps is translated into a tool call that does what the step says.
 */
const CONTENT = 'first line\n  second "line" with $HOME, `ticks` and it\'s\nno newline at the end'

const WORK: Script = firstOf([
  when(
    prompted(/write the file/),
    work([
      { say: 'On it.' },
      { write: { path: 'sub folder/made.txt', content: CONTENT } },
      { run: 'wc -c "sub folder/made.txt" > size.txt' },
      { say: 'Written.' },
    ]),
  ),
  when(
    prompted(/change the file/),
    work([
      { read: 'sub folder/made.txt' },
      { edit: { path: 'sub folder/made.txt', find: 'second "line"', replace: 'changed (line)' } },
      { say: 'Changed.' },
    ]),
  ),
  // Titles and summaries that agents ask for beside the work.
  () => ({ say: 'Aside' }),
])

test.runIf(process.env['CLAW_NETNS'] === 'loopback')('nothing but loopback can be reached from here', async () => {
  const others = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).filter((one) => !one.internal))
  expect(others).toEqual([])
  const failed = new Promise((resolve) => {
    const socket = createConnection({ host: '192.0.2.1', port: 443 })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    socket.once('connect', () => resolve('connected'))
  })
  expect(await failed).toBe('ENETUNREACH')
})

for (const agent of AGENTS) {
  if (!findProgram(agent)) console.error(`agents: ${agent.name} is not installed here; its tests are left out`)

  describe.runIf(findProgram(agent))(agent.name, () => {
    let folder: string
    let place: Place
    let worktree: string
    let server: ModelServer

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), `claw-agent-${agent.name}-`))
    })
    afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

    beforeEach(async ({ task }) => {
      worktree = join(folder, task.id, 'work')
      await mkdir(worktree, { recursive: true })
      execFileSync('git', ['init', '--quiet', worktree])
    })

    async function started(script: Script): Promise<void> {
      server = await startModelServer({ script })
      onTestFinished(() => server[Symbol.asyncDispose]())
      place = { home: join(worktree, '..', 'home'), url: server.url }
      await mkdir(place.home, { recursive: true })
    }

    async function opened(sessionId?: string): Promise<RawSession> {
      const session = await openRaw({ agent, place, worktree, ...(sessionId === undefined ? {} : { sessionId }) })
      onTestFinished(() => session[Symbol.asyncDispose]())
      return session
    }

    const made = () => readFile(join(worktree, 'sub folder/made.txt'), 'utf8')

    test('writes, runs, reads and edits as scripted, and goes on at the second prompt', async () => {
      await started(WORK)
      const session = await opened()

      const first = await session.prompt('Please write the file.')
      expect(first, said(session)).toMatchObject({ stopReason: 'end_turn', text: expect.stringContaining('Written.') })
      expect(await made()).toBe(CONTENT)
      expect(await readFile(join(worktree, 'size.txt'), 'utf8')).toContain(String(CONTENT.length))

      const second = await session.prompt('Now change the file.')
      expect(second, said(session)).toMatchObject({ stopReason: 'end_turn', text: expect.stringContaining('Changed.') })
      expect(await made()).toBe(CONTENT.replace('second "line"', 'changed (line)'))

      const calls = server.requests.filter(isWork)
      expect(new Set(calls.map((one) => one.api))).toEqual(new Set([agent.api]))
      // Three answers for the first prompt, three for the second: nothing was done twice.
      expect(calls.map((one) => one.request && stepsTaken(one.request))).toEqual([0, 1, 2, 0, 1, 2])
      expect(server.requests.filter((one) => one.status >= 400).map((one) => `${one.method} ${one.path}`)).toEqual([])
    })

    test.runIf(agent.loadsUnfinished)(
      'killed in the middle and loaded into a new process, goes on with the next step',
      async () => {
        // The answer after the first step never comes; the agent is killed while it waits for it.
        const stuck = when(isAtStepTwo, times(1, { hang: true }))
        const steps: Step[] = [
          { write: { path: 'sub folder/made.txt', content: CONTENT } },
          { run: 'echo once >> ran.txt' },
          { say: 'Written after all.' },
        ]
        await started(firstOf([stuck, work(steps, { since: /write the file/ })]))
        const before = await opened()
        const unfinished = before.prompt('Please write the file.').catch((error: unknown) => error)
        await expect.poll(() => server.requests.some((one) => one.request && isAtStepTwo(one.request)), WAIT).toBe(true)
        await before.kill()
        await unfinished
        expect(await made()).toBe(CONTENT)

        const after = await opened(before.sessionId)
        const asked = server.requests.length
        const turn = await after.prompt('Please go on.')
        expect(turn, said(after)).toMatchObject({ text: expect.stringContaining('Written after all.') })
        expect(await readFile(join(worktree, 'ran.txt'), 'utf8')).toBe('once\n')
        const calls = server.requests.slice(asked).filter(isWork)
        expect(calls.map((one) => one.request && stepsTaken(one.request, /write the file/))).toEqual([1, 2])
      },
    )
  })
}

/** Qwen asks, with all its tools, what the user may say next; that is none of the work. */
function isWork({ request }: ModelServer['requests'][number]): boolean {
  return request !== null && request.tools.length > 0 && prompted(/^(Please write|Now change|Please go on)/m)(request)
}

const WAIT = { timeout: 60_000 }

function isAtStepTwo(request: ModelRequest): boolean {
  return request.tools.length > 0 && stepsTaken(request) === 1
}

const said = (session: RawSession) => `stderr of the agent: ${session.stderr()}`

test.each(AGENTS)('$name is given an environment that holds nothing of ours', (agent: TestAgent) => {
  const given = environmentOf(agent, { home: '/private/home', url: 'http://127.0.0.1:1' })
  expect(given['HOME']).toBe('/private/home')
  for (const name of ['NODE_OPTIONS', 'SSH_AUTH_SOCK', 'GITHUB_TOKEN', 'VITEST']) expect(given).not.toHaveProperty(name)
})
