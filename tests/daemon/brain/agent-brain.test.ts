import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { Fault } from '../../../core/fault.ts'
import { silentLog } from '../../../core/world.ts'
import type { AgentDriver, AgentProfile, AgentSpec, TurnEnd } from '../../../daemon/agents/agent.ts'
import { createAgentBrain } from '../../../daemon/brain/agent-brain.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'

const profile = { name: 'stub', title: 'stub 1', command: ['stub'] } as unknown as AgentProfile
const question = {
  purpose: 'plan',
  system: 'You plan.',
  prompt: 'What now?',
  schema: z.object({ n: z.number() }),
} as const
const end: TurnEnd = {
  stopReason: 'end_turn',
  text: '',
  toolCalls: 0,
  usage: { inputTokens: 5, cachedTokens: 1, outputTokens: 2, usd: null },
  spent: {
    inputTokens: 5,
    cachedTokens: 1,
    cacheWriteTokens: 0,
    outputTokens: 2,
    reasoningTokens: 0,
    usd: null,
    isWhole: true,
  },
}

/** Just as much of a driver as a question needs; each prompt takes the next turn. */
function aDriver(turns: (string | (() => Promise<TurnEnd>))[]) {
  const seen = { specs: [] as AgentSpec[], prompts: [] as string[], stopped: 0, refused: [] as (string | undefined)[] }
  const driver: AgentDriver = {
    async open(spec, hooks) {
      seen.specs.push(spec)
      expect(readdirSync(spec.worktree)).toEqual([])
      await hooks.onSpawned({ pid: 1, pidStart: '1' })
      return {
        sessionId: 's',
        resumable: false,
        program: { name: null, version: null },
        async prompt(text) {
          seen.prompts.push(text)
          const options = [
            { id: 'yes', kind: 'allow_once' as const, label: 'Yes' },
            { id: 'no', kind: 'reject_once' as const, label: 'No' },
          ]
          const request = {
            toolCallId: 't',
            title: 'run',
            kind: 'execute' as const,
            paths: [],
            command: 'ls',
            rawInput: {},
            options,
          }
          seen.refused.push(await hooks.onPermission(request, new AbortController().signal))
          const turn = turns.shift()
          if (typeof turn === 'function') return turn()
          // In pieces, and the driver's own text holds only the end.
          for (const piece of turn!.match(/[\s\S]{1,7}/g) ?? []) hooks.onUpdate({ kind: 'text', text: piece })
          return { ...end, text: turn!.slice(-5) }
        },
        async cancel() {},
        async stop() {
          seen.stopped++
        },
      }
    },
  }
  return { driver, seen }
}

function aBrain(driver: AgentDriver) {
  const folder = mkdtempSync(join(tmpdir(), 'claw-agent-brain-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const clock = createFakeClock()
  const brain = createAgentBrain({
    world: { clock, log: silentLog },
    driver,
    profile,
    model: null,
    folder,
    newRunId: () => 'run_brain',
  })
  return { brain, folder, clock }
}

test('the last object of what the agent wrote is the answer; the session is ended and its folder gone', async () => {
  const { driver, seen } = aDriver(['Well, {"n": 1}, no:\n```json\n{"n": 42}\n```\n'])
  const { brain, folder } = aBrain(driver)
  const { value, usage } = await brain.ask(question)
  expect([value, usage]).toEqual([{ n: 42 }, end.usage])
  expect(seen.prompts[0]).toMatch(/You plan\.[\s\S]*What now\?[\s\S]*"type":"object"/)
  expect(seen.refused).toEqual(['no'])
  expect(seen.stopped).toBe(1)
  expect(readdirSync(folder)).toEqual([])
})

test('an answer that does not fit is asked for once more in the same session', async () => {
  const { driver, seen } = aDriver(['I would say forty-two.', '{"n":42}'])
  const { brain } = aBrain(driver)
  const { value, usage } = await brain.ask(question)
  expect(value).toEqual({ n: 42 })
  expect(usage.inputTokens).toBe(10)
  expect(seen.specs).toHaveLength(1)
  expect(seen.prompts[1]).toMatch(/no whole JSON object/)
})

test('twice nonsense, a crash and an agent at its limit are faults, and the session is ended each time', async () => {
  const limited = () => Promise.reject(new Fault('provider_limited', 'full', { details: { retryAt: 7 } }))
  for (const [turns, code] of [
    [['?', '?'], 'brain_answer_invalid'],
    [[limited], 'provider_limited'],
  ] as const) {
    const { driver, seen } = aDriver([...turns])
    const { brain, folder } = aBrain(driver)
    await expect(brain.ask(question)).rejects.toMatchObject({ code })
    expect([seen.stopped, readdirSync(folder)]).toEqual([1, []])
  }
})

test('a question can be broken off while the agent works, and an agent that never ends is given up', async () => {
  const hangs = () => new Promise<TurnEnd>(() => {})
  const first = aDriver([hangs])
  const control = new AbortController()
  const asking = aBrain(first.driver).brain.ask(question, control.signal)
  control.abort(new Error('changed my mind'))
  await expect(asking).rejects.toThrow('changed my mind')
  expect(first.seen.stopped).toBe(1)

  const second = aDriver([hangs])
  const { brain, clock } = aBrain(second.driver)
  const late = expect(brain.ask(question)).rejects.toMatchObject({ code: 'provider_unavailable' })
  while (second.seen.prompts.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await clock.advance(15 * 60_000)
  await late
  expect(second.seen.stopped).toBe(1)
})

test('an agent that cannot be started is the fault it was', async () => {
  const driver: AgentDriver = { open: () => Promise.reject(new Fault('agent_unavailable', 'not there')) }
  const { brain, folder } = aBrain(driver)
  await expect(brain.ask(question)).rejects.toMatchObject({ code: 'agent_unavailable' })
  expect(existsSync(folder)).toBe(true)
  expect(readdirSync(folder)).toEqual([])
})
