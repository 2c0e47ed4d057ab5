import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DAY } from '../../../core/clock.ts'
import { type Fault, isFault } from '../../../core/fault.ts'
import type { AgentProfile } from '../../../daemon/agents/agent.ts'
import { chooseOption } from '../../../daemon/agents/broker.ts'
import { proxyEnvironment } from '../../../daemon/sandbox/proxy-environment.ts'
import { type AgentRoom, createAgentRoom } from '../../fakes/agent-room.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { type Script, type Step, script, scriptedProfile } from '../../fakes/scripted-agent.ts'

const quirks = scriptedProfile().quirks

async function play(room: AgentRoom, steps: Script, profile: Partial<AgentProfile> = {}) {
  const session = await room.open({ profile: scriptedProfile(profile) })
  return session.prompt(script(steps))
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.catch((caught) => caught)
  expect(isFault(error), String(error)).toBe(true)
  return error as Fault
}

describe('the start', () => {
  test('the program does nothing until its pid and start time are stored', async () => {
    await using room = await createAgentRoom()
    const seen: string[][] = []
    await room.open(
      { profile: scriptedProfile() },
      {
        async onSpawned({ pid }) {
          seen.push([readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), ...readdirSync(room.home)])
        },
      },
    )
    expect(seen).toEqual([['sh']])
  })

  test('where the pid cannot be stored the program never runs, and nothing is left', async () => {
    await using room = await createAgentRoom()
    const opened = room.open(
      { profile: scriptedProfile() },
      { onSpawned: () => Promise.reject(new Error('the store is broken')) },
    )
    await expect(opened).rejects.toThrow('the store is broken')
    expect(readdirSync(room.home)).toEqual([])
    expect(await room.alive()).toEqual([])
  })

  test.each([
    ['a program that is not installed', { command: ['no-such-agent'] }, 'agent_unavailable', 'no-such-agent'],
    ['a program that is not an agent', { command: ['true'] }, 'agent_unavailable', 'exit code 0'],
    ['an agent that dies at once', { env: () => ({ SCRIPTED_DIE_AT_START: '1' }) }, 'agent_unavailable', 'exit code 9'],
    ['another version of the protocol', { env: () => ({ SCRIPTED_PROTOCOL: '2' }) }, 'agent_protocol', 'version 2'],
  ] as [string, Partial<AgentProfile>, string, string][])(
    '%s is a fault that says so',
    async (_what, profile, code, words) => {
      await using room = await createAgentRoom()
      const fault = await faultOf(room.open({ profile: scriptedProfile(profile) }))
      expect(fault.code).toBe(code)
      expect(fault.message).toContain(words)
      expect(await room.alive()).toEqual([])
    },
  )

  test('a mode of the profile is set where the session is in another one', async () => {
    await using room = await createAgentRoom()
    await (await room.open({ profile: scriptedProfile({ mode: 'plan' }) })).stop()
    expect(readFileSync(room.wireFile, 'utf8')).toContain('{"sessionId":"scripted-1-')
    expect(readFileSync(room.wireFile, 'utf8')).toContain('"modeId":"plan"')
  })

  test('MCP servers are given as HTTP with their headers, and not to agents that take none', async () => {
    const mcpServers = [{ name: 'claw', url: 'http://127.0.0.1:1/mcp', headers: { authorization: 'Bearer run-token' } }]
    for (const mcp of [true, false]) {
      await using room = await createAgentRoom()
      await (await room.open({ profile: scriptedProfile({ quirks: { ...quirks, mcp } }), mcpServers })).stop()
      expect(readFileSync(room.wireFile, 'utf8').includes('Bearer run-token')).toBe(mcp)
      expect(statSync(room.wireFile).mode & 0o077).toBe(0)
    }
  })

  test('an agent that cannot take up sessions says so before anything is asked of it', async () => {
    await using room = await createAgentRoom()
    const profile = scriptedProfile({ quirks: { ...quirks, resume: 'none' } })
    const session = await room.open({ profile })
    expect(session.resumable).toBe(false)
    await session.stop()
    expect((await faultOf(room.open({ profile, sessionId: session.sessionId }))).code).toBe('session_lost')
  })

  test('the environment is built from nothing', async () => {
    await using room = await createAgentRoom()
    const session = await room.open({
      profile: scriptedProfile({ env: () => ({ FROM_PROFILE: 'profile', SAME: 'profile' }) }),
      env: { FROM_GOAL: 'goal', SAME: 'goal', HOME: '/root' },
    })
    await session.prompt(script([{ do: 'run', command: 'env', to: 'env.txt' }]))
    const env = Object.fromEntries(
      room
        .read('env.txt')
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s)),
    )
    expect(env).toMatchObject({
      FROM_PROFILE: 'profile',
      FROM_GOAL: 'goal',
      SAME: 'profile',
      HOME: room.home,
      CLAW_RUN_ID: room.runId,
    })
    const proxy = room.sandbox === 'none' ? {} : proxyEnvironment(1)
    const names = Object.keys(env).filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name) && !(name in proxy))
    expect(names.sort()).toEqual(
      'CLAW_RUN_ID FROM_GOAL FROM_PROFILE GIT_OPTIONAL_LOCKS GIT_TERMINAL_PROMPT HOME LANG NO_COLOR PATH SAME SHELL TERM TMPDIR'.split(
        ' ',
      ),
    )
  })
})

describe('a turn', () => {
  test('its text is what was said after the last tool, its updates come in order', async () => {
    await using room = await createAgentRoom()
    const end = await play(room, [
      { do: 'think', text: 'hm' },
      { do: 'say', text: 'Let me see. ' },
      { do: 'write', path: 'a', text: '' },
      { do: 'say', text: 'All ' },
      { do: 'say', text: 'done.' },
      { do: 'usage', usage: { inputTokens: 10, outputTokens: 5, cachedReadTokens: 2, totalTokens: 17 } },
    ])
    expect(end).toEqual({
      stopReason: 'end_turn',
      text: 'All done.',
      toolCalls: 1,
      usage: { inputTokens: 12, outputTokens: 5, cachedTokens: 2, usd: null },
      spent: {
        inputTokens: 12,
        cachedTokens: 2,
        cacheWriteTokens: 0,
        outputTokens: 5,
        reasoningTokens: 0,
        usd: null,
        isWhole: true,
      },
    })
    expect(room.updates.map(({ kind }) => kind)).toEqual(['thought', 'text', 'tool', 'tool', 'text', 'text', 'usage'])
  })

  test.each([
    ['max_tokens', 'max_tokens'],
    ['refusal', 'refusal'],
    ['cancelled', 'cancelled'],
    ['max_turn_requests', 'other'],
    ['a reason of tomorrow', 'other'],
  ])('a stop for %s is %s', async (reason, expected) => {
    await using room = await createAgentRoom()
    const end = await play(room, [
      { do: 'say', text: 'x' },
      { do: 'end', reason },
    ])
    expect(end.stopReason).toBe(expected)
  })

  test('usage that an agent counts per session is told apart into turns; of a loaded one the first number is the start', async () => {
    await using room = await createAgentRoom()
    const profile = scriptedProfile({ quirks: { ...quirks, usage: 'session' } })
    const turns = [10, 25, 40, 70].map(
      (inputTokens): Script => [
        { do: 'say', text: 'x' },
        { do: 'usage', usage: { inputTokens, outputTokens: 1 } },
      ],
    )
    const first = await room.open({ profile })
    const used = [await first.prompt(script(turns[0]!)), await first.prompt(script(turns[1]!))]
    await first.stop()
    const second = await room.open({ profile, sessionId: first.sessionId })
    used.push(await second.prompt(script(turns[2]!)), await second.prompt(script(turns[3]!)))
    expect(used.map(({ usage }) => usage.inputTokens)).toEqual([10, 15, 0, 30])
  })

  test('cost is what the turn added to the session', async () => {
    await using room = await createAgentRoom()
    const session = await room.open({ profile: scriptedProfile() })
    const cost = (amount: number) =>
      script([
        {
          do: 'update',
          update: { sessionUpdate: 'usage_update', used: 1, size: 2, cost: { amount, currency: 'USD' } },
        },
      ])
    expect((await session.prompt(cost(0.5))).usage.usd).toBe(0.5)
    expect((await session.prompt(cost(0.75))).usage.usd).toBe(0.25)
  })

  test('what the client never offered is refused, what nobody knows is ignored, and the turn goes on', async () => {
    await using room = await createAgentRoom()
    const end = await play(room, [
      { do: 'noise', text: 'Welcome to the agent!' },
      { do: 'noise', text: '{"half": ' },
      { do: 'noise', text: '[1,2]' },
      { do: 'notify', method: 'qwen/notify/x' },
      { do: 'notify', method: 'session/update', params: {} },
      {
        do: 'update',
        update: { sessionUpdate: 'tool_call', toolCallId: 'odd', title: 7, status: 'levitating', kind: 'dance' },
      },
      { do: 'update', update: { sessionUpdate: 'something_new', x: 1 } },
      { do: 'call', method: 'fs/write_text_file', params: { path: '/etc/x', content: '' }, to: 'fs.json' },
      { do: 'call', method: 'craft/drainMidTurnQueue', to: 'craft.json' },
      { do: 'call', method: 'terminal/create', params: { command: 'sh' }, to: 'terminal.json' },
      { do: 'say', text: 'fine' },
    ])
    expect(end.text).toBe('fine')
    for (const file of ['fs.json', 'craft.json', 'terminal.json'])
      expect(JSON.parse(room.read(file)).error.code).toBe(-32601)
    expect(room.updates.filter(({ kind }) => kind === 'notice')).toContainEqual({
      kind: 'notice',
      text: 'Welcome to the agent!',
    })
  })

  test('words that begin with a slash do not become a command of the agent', async () => {
    await using room = await createAgentRoom()
    const session = await room.open({ profile: scriptedProfile() })
    await session.prompt('/compact')
    await session.stop()
    expect(readFileSync(room.wireFile, 'utf8')).toContain('"text":"Text:\\n/compact"')
  })

  test.each([
    [
      'a model error as JSON-RPC error',
      [{ do: 'error', message: 'Internal error', data: { details: '401 Incorrect API key' } }],
      'provider_refused',
    ],
    ['an unknown error', [{ do: 'error', message: 'something odd' }], 'agent_protocol'],
    [
      'a login that is missing',
      [{ do: 'error', code: -32000, message: 'Authentication required' }],
      'provider_refused',
    ],
    ['a turn without a word', [{ do: 'mute' }], 'provider_unavailable'],
    ['a turn whose words are an error', [{ do: 'say', text: 'API Error: 529 overloaded' }], 'provider_limited'],
    [
      'an error after some work',
      [
        { do: 'write', path: 'a' },
        { do: 'say', text: 'Error: 503 Service Unavailable' },
      ],
      'provider_unavailable',
    ],
  ] as [string, Script, string][])('%s is a failure of the model, not a finished turn', async (_what, steps, code) => {
    await using room = await createAgentRoom()
    expect((await faultOf(play(room, steps))).code).toBe(code)
  })

  test('a report about an error is a finished turn', async () => {
    await using room = await createAgentRoom()
    const end = await play(room, [{ do: 'say', text: 'The API now answers 429 when the rate limit is reached.' }])
    expect(end.stopReason).toBe('end_turn')
  })
})

describe('trouble', () => {
  test('a crash tells the exit code and the last complaints', async () => {
    await using room = await createAgentRoom()
    const fault = await faultOf(play(room, [{ do: 'crash', code: 3, stderr: 'out of cheese' }]))
    expect(fault).toMatchObject({ code: 'agent_crashed', details: { exitCode: 3 } })
    expect(fault.message).toContain('out of cheese')
  })

  test('after a crash every prompt says so, and the complaints are in the wire', async () => {
    await using room = await createAgentRoom()
    const session = await room.open({ profile: scriptedProfile() })
    const both = [session.prompt(script([{ do: 'crash', stderr: 'why oh why' }])), session.prompt('and then?')]
    expect((await faultOf(both[0]!)).code).toBe('agent_crashed')
    expect((await faultOf(both[1]!)).code).toBe('agent_crashed')
    await session.stop()
    expect(readFileSync(room.wireFile, 'utf8')).toContain('#why oh why')
  })

  test('silence ends the turn with a fault, and the session can go on where the agent listens to cancel', async () => {
    const clock = createFakeClock()
    await using room = await createAgentRoom({ clock })
    const session = await room.open({ profile: scriptedProfile() })
    const turn = faultOf(session.prompt(script([{ do: 'say', text: 'one moment' }, { do: 'silent' }])))
    await room.seen(({ kind }) => kind === 'text')
    await clock.advance(60_000)
    expect((await turn).code).toBe('agent_silent')
    expect((await session.prompt(script([{ do: 'say', text: 'back' }]))).text).toBe('back')
  })

  test('bytes that mean nothing do not break the silence', async () => {
    const clock = createFakeClock()
    await using room = await createAgentRoom({ clock })
    const session = await room.open({ profile: scriptedProfile() })
    const steps: Step[] = [
      { do: 'say', text: 'x' },
      { do: 'sleep', ms: 200 },
      { do: 'noise', text: '...' },
      { do: 'update', update: { sessionUpdate: 'spinner_update' } },
      { do: 'silent' },
    ]
    const turn = faultOf(session.prompt(script(steps)))
    await room.seen(({ kind }) => kind === 'text')
    await clock.advance(59_000)
    await room.seen(({ kind }) => kind === 'notice')
    await clock.advance(1_000)
    expect((await turn).code).toBe('agent_silent')
  })

  test('waiting for an answer is not silence; a withdrawn question is told to whoever was asked', async () => {
    const clock = createFakeClock()
    await using room = await createAgentRoom({ clock })
    const asked = Promise.withResolvers<AbortSignal>()
    const session = await room.open(
      { profile: scriptedProfile() },
      {
        onPermission(_request, signal) {
          asked.resolve(signal)
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)))
        },
      },
    )
    const turn = session.prompt(
      script([
        { do: 'ask', kind: 'execute', command: 'rm x' },
        { do: 'say', text: 'x' },
      ]),
    )
    const signal = await asked.promise
    await clock.advance(3 * DAY)
    expect(signal.aborted).toBe(false)
    await session.cancel()
    expect((await turn).stopReason).toBe('cancelled')
    expect(signal.aborted).toBe(true)
  })

  test('a line without end is refused before it fills the memory', async () => {
    await using room = await createAgentRoom()
    const fault = await faultOf(play(room, [{ do: 'flood', updates: 1, bytes: 20_000_000 }]))
    expect(fault.code).toBe('agent_protocol')
    expect(fault.message).toContain('longer than')
  })

  test('a flood of updates is cut off with a notice, and the turn still ends', async () => {
    await using room = await createAgentRoom()
    const end = await play(room, [{ do: 'flood', updates: 25_000, bytes: 10 }])
    expect(end.text.length).toBeLessThanOrEqual(4000)
    expect(room.updates.length).toBeLessThan(20_010)
    expect(room.updates).toContainEqual({ kind: 'notice', text: '5001 more updates of this turn were left out' })
  })

  test.each([
    ['a child in a session of its own', { do: 'leave-child' }],
    ['a child that threw its environment away', { do: 'leave-child', cleanEnv: true }],
    ['an agent that ignores TERM', { do: 'ignore-term' }],
    ['an agent that listens to nothing', { do: 'ignore-term' }, { do: 'deaf' }],
  ] as [string, Step, Step?][])(
    '%s is gone after stop, confined or not',
    async (_what, step, last = { do: 'silent' }) => {
      for (const confined of [true, false]) {
        await using room = await createAgentRoom({ confined })
        const session = await room.open({ profile: scriptedProfile({ quirks: { ...quirks, ignoresTerm: true } }) })
        const steps: Step[] = [step, { do: 'run', command: 'sleep 4242 & true' }, { do: 'say', text: 'ready' }, last]
        const turn = session.prompt(script(steps)).catch((error) => error)
        await room.seen((update) => update.kind === 'text')
        await session.stop()
        expect(await room.alive()).toEqual([])
        expect(last.do === 'deaf' ? (await turn).code : (await turn).stopReason).toMatch(/agent_crashed|cancelled/)
      }
    },
  )
})

describe('permission', () => {
  test('is asked with what is known, answered by choice of the broker, and heard by the agent', async () => {
    await using room = await createAgentRoom()
    for (const decision of ['allow', 'reject'] as const) {
      const session = await room.open(
        { profile: scriptedProfile() },
        {
          async onPermission(request) {
            room.permissions.push(request)
            return chooseOption(request.options, decision)
          },
        },
      )
      await session.prompt(
        script([
          {
            do: 'ask',
            kind: 'execute',
            command: 'make it so',
            yes: [{ do: 'write', path: `${decision}.txt`, text: 'yes' }],
            no: [{ do: 'write', path: `${decision}.txt`, text: 'no' }],
          },
        ]),
      )
      await session.stop()
    }
    expect(room.permissions[0]).toMatchObject({ kind: 'execute', command: 'make it so', title: 'execute' })
    expect([room.read('allow.txt'), room.read('reject.txt')]).toEqual(['yes', 'no'])
  })

  test.each([
    ['an answer that was not offered', async () => 'for-ever'],
    ['a broker that fails', () => Promise.reject(new Error('no inbox'))],
    ['no answer', async () => undefined],
  ])('%s is a cancelled question, never a yes', async (_what, onPermission) => {
    await using room = await createAgentRoom()
    const session = await room.open({ profile: scriptedProfile() }, { onPermission })
    await session.prompt(script([{ do: 'ask', kind: 'edit', path: 'x', to: 'answer.json' }]))
    expect(JSON.parse(room.read('answer.json'))).toEqual({ outcome: 'cancelled' })
  })
})

describe('what an agent leaves in its HOME and worktree', () => {
  test('cannot lead the next start astray', async () => {
    await using room = await createAgentRoom()
    const profile = scriptedProfile({ files: () => ({ '.conf/settings.json': 'mine' }) })
    const first = await room.open({ profile })
    await first.prompt(script([{ do: 'run', command: `rm -rf $HOME/.conf && ln -s ${room.ownerHome} $HOME/.conf` }]))
    await first.stop()
    await (await room.open({ profile })).stop()
    expect(existsSync(join(room.ownerHome, 'settings.json'))).toBe(false)
    expect(readFileSync(join(room.home, '.conf/settings.json'), 'utf8')).toBe('mine')
  })

  test('cannot change which repository the worktree belongs to', async (context) => {
    await using room = await createAgentRoom()
    if (room.sandbox === 'none') context.skip('no sandbox works on this machine')
    writeFileSync(join(room.worktree, '.git'), 'gitdir: /nowhere\n')
    await play(room, [{ do: 'run', command: 'echo gitdir: /evil > .git; rm -f .git; mv .git x; true' }])
    expect(room.read('.git')).toBe('gitdir: /nowhere\n')
  })

  test('the login of the owner is shared, not copied, and a refreshed one comes back', async () => {
    await using room = await createAgentRoom()
    writeFileSync(join(room.ownerHome, 'login.json'), '{"token":1}', { mode: 0o600 })
    writeFileSync(join(room.ownerHome, 'other-secret'), 'secret')
    const profile = scriptedProfile({ credentialFile: 'login.json' })
    const first = await room.open({ profile })
    await first.prompt(
      script([
        {
          do: 'run',
          command: `cat ${room.ownerHome}/other-secret; cat $HOME/login.json > seen; echo '{"token":2}' > $HOME/login.json`,
          to: 'out',
        },
      ]),
    )
    await first.stop()
    expect(room.read('seen')).toBe('{"token":1}')
    expect(room.read('out')).not.toContain('secret\n')
    expect(readFileSync(join(room.ownerHome, 'login.json'), 'utf8').trim()).toBe('{"token":2}')

    const second = await room.open({ profile })
    await second.prompt(
      script([{ do: 'run', command: `echo '{"token":3}' > $HOME/new && mv $HOME/new $HOME/login.json` }]),
    )
    await second.stop()
    expect(readFileSync(join(room.ownerHome, 'login.json'), 'utf8').trim()).toBe('{"token":3}')
    expect(statSync(join(room.ownerHome, 'login.json')).mode & 0o777).toBe(0o600)
  })
})
