import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isFault } from '../../core/fault.ts'
import type { AgentProfile, ModelAccess } from '../../daemon/agents/agent.ts'
import { type AgentRoom, createAgentRoom } from '../fakes/agent-room.ts'
import { script } from '../fakes/scripted-agent.ts'

export interface AgentUnderTest {
  profile: AgentProfile
  model: ModelAccess | null
  dispose?(): Promise<void>
}

/** What every agent program must do through the driver. It acts on script blocks, by itself or through its scripted model. */
export function agentContract(name: string, create: (room: AgentRoom) => Promise<AgentUnderTest>): void {
  async function prepare() {
    await using parts = new AsyncDisposableStack()
    const room = parts.use(await createAgentRoom())
    const agent = await create(room)
    parts.defer(async () => agent.dispose?.())
    const owned = parts.move()
    return {
      room,
      open: (sessionId: string | null = null) => room.open({ profile: agent.profile, model: agent.model, sessionId }),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    }
  }

  describe(name, () => {
    test('writes a file in its worktree, shows what it does, and ends the turn with words', async () => {
      await using it = await prepare()
      const session = await it.open()
      const end = await session.prompt(
        script([
          { do: 'write', path: 'hello.txt', text: 'hello' },
          { do: 'say', text: 'It is written.' },
        ]),
      )
      expect(it.room.read('hello.txt')).toBe('hello')
      expect(end).toMatchObject({
        stopReason: 'end_turn',
        text: expect.stringContaining('It is written.'),
        toolCalls: 1,
      })
      const tools = it.room.updates.filter((update) => update.kind === 'tool')
      expect(tools.at(-1)).toMatchObject({ status: 'done', paths: [join(it.room.worktree, 'hello.txt')] })
      expect(it.room.updates.at(-1)).toMatchObject({ kind: 'usage', usage: { inputTokens: expect.any(Number) } })
    })

    test('keeps the raw wire, both ways', async () => {
      await using it = await prepare()
      const session = await it.open()
      await session.prompt(script([{ do: 'say', text: 'wire-words' }]))
      await session.stop()
      const lines = readFileSync(it.room.wireFile, 'utf8').trim().split('\n')
      const sent = lines.filter((line) => line.startsWith('>')).map((line) => JSON.parse(line.slice(1)).method)
      expect(sent).toEqual(expect.arrayContaining(['initialize', 'session/new', 'session/prompt']))
      expect(lines.some((line) => line.startsWith('<') && line.includes('agent_message_chunk'))).toBe(true)
    })

    test('takes prompts one after the other', async () => {
      await using it = await prepare()
      const session = await it.open()
      const ends = await Promise.all([
        session.prompt(script([{ do: 'run', command: 'sleep 0.2; echo first >> order.txt' }])),
        session.prompt(script([{ do: 'run', command: 'echo second >> order.txt' }])),
      ])
      expect(ends.map(({ stopReason }) => stopReason)).toEqual(['end_turn', 'end_turn'])
      expect(it.room.read('order.txt')).toBe('first\nsecond\n')
    })

    test('loads its session into a new process after it was killed', async () => {
      await using it = await prepare()
      const first = await it.open()
      await first.prompt(script([{ do: 'write', path: 'one.txt', text: '1' }]))
      expect(first.resumable).toBe(true)
      process.kill(-it.room.spawned[0]!.pid, 'SIGKILL')
      await first.stop()

      const shown = it.room.updates.length
      const second = await it.open(first.sessionId)
      expect(second.sessionId).toBe(first.sessionId)
      expect(it.room.updates.slice(shown), 'a replayed history is not news').toEqual([])
      const end = await second.prompt(script([{ do: 'write', path: 'two.txt', text: '2' }]))
      expect(end.stopReason).toBe('end_turn')
      expect(it.room.read('two.txt')).toBe('2')
    })

    test('says that a session nobody knows is lost', async () => {
      await using it = await prepare()
      const error = await it.open('no-such-session').catch((caught) => caught)
      expect(isFault(error, 'session_lost'), String(error)).toBe(true)
      expect(await it.room.alive()).toEqual([])
    })

    test('ends a turn when it is cancelled, and takes the next prompt', async () => {
      await using it = await prepare()
      const session = await it.open()
      const turn = session.prompt(script([{ do: 'run', command: 'echo started > s.txt; sleep 1000' }]))
      await it.room.seen((update) => update.kind === 'tool' && update.status === 'running')
      await session.cancel()
      expect(await turn).toMatchObject({ stopReason: 'cancelled' })
      const next = await session.prompt(script([{ do: 'say', text: 'still here' }]))
      expect(next.text).toContain('still here')
    })

    test('is gone after stop, in the middle of a command too', async () => {
      await using it = await prepare()
      const session = await it.open()
      const turn = session
        .prompt(script([{ do: 'run', command: 'setsid sleep 1000 & sleep 1000' }]))
        .catch((error) => error)
      await it.room.seen((update) => update.kind === 'tool' && update.status === 'running')
      await Promise.all([session.stop(), session.stop()])
      expect(await it.room.alive()).toEqual([])
      await turn
    })

    test('a process that dies in a turn is a crash', async () => {
      await using it = await prepare()
      const session = await it.open()
      const turn = session.prompt(script([{ do: 'run', command: 'sleep 1000' }])).catch((error) => error)
      await it.room.seen((update) => update.kind === 'tool' && update.status === 'running')
      process.kill(-it.room.spawned[0]!.pid, 'SIGKILL')
      const error = await turn
      expect(isFault(error, 'agent_crashed'), String(error)).toBe(true)
      await session.stop()
      expect(await it.room.alive()).toEqual([])
    })

    test('a limit of its provider is a limit, not a finished turn', async () => {
      await using it = await prepare()
      const session = await it.open()
      const error = await session
        .prompt(
          script([{ do: 'error', message: '429 Too Many Requests: rate limit reached, try again in 20 minutes' }]),
        )
        .catch((caught) => caught)
      expect(isFault(error, 'provider_limited'), String(error)).toBe(true)
      expect(error.details.retryAt).toBeGreaterThan(Date.now() + 15 * 60_000)
    })

    test("cannot read the Claw home's token", async (context) => {
      await using it = await prepare()
      const session = await it.open()
      if (it.room.sandbox === 'none') context.skip('no sandbox works on this machine')
      const command = `cat ${it.room.clawHome}/daemon.json > got.txt 2>&1; true`
      await session.prompt(script([{ do: 'run', command }]))
      expect(it.room.read('got.txt')).toMatch(/No such file/)
    })
  })
}
