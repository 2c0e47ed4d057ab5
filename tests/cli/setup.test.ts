import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  agentsFor,
  type FoundAgent,
  findSources,
  firstSettled,
  keysOf,
  readServer,
  readUsd,
} from '../../cli/setup/choices.ts'
import { type ModelServer, startModelServer } from '../model-server/model-server.ts'
import { firstOf, say, when, work } from '../model-server/script.ts'
import { hasTerminal, onTerminal as runOnTerminal } from './on-terminal.ts'
import { claw } from './run-claw.ts'

const agent = (name: string, over: Partial<FoundAgent> = {}): FoundAgent => ({
  name,
  title: name,
  found: false,
  installed: true,
  loggedIn: false,
  apis: ['anthropic'],
  words: '',
  ...over,
})

describe('what can be chosen', () => {
  test('keys that are there come first, then logins, then what needs a word from the owner', () => {
    const found = findSources({ OPENAI_API_KEY: 'k', GEMINI_API_KEY: ' ' }, [agent('claude', { loggedIn: true })], null)
    expect(found.map((source) => [source.kind, 'provider' in source ? source.provider : null])).toEqual([
      ['model', null],
      ['login', null],
      ['new-key', 'anthropic'],
      ['new-key', 'google'],
      ['server', null],
      ['none', null],
    ])
    expect(found[0]).toMatchObject({ model: { provider: 'openai', key: 'env:OPENAI_API_KEY' } })
    expect(firstSettled(findSources({}, [], null))).toMatchObject({ kind: 'none' })
  })

  test('what is configured already goes before a key', () => {
    const configured = { provider: 'google' as const, model: 'g', baseUrl: null, key: null }
    expect(firstSettled(findSources({ OPENAI_API_KEY: 'k' }, [], configured)).kind).toBe('as-it-is')
  })

  test('only agents that can work with the model are offered', () => {
    const model = { provider: 'openai' as const, model: 'm', baseUrl: null, key: null }
    const agents = [
      agent('claude'),
      agent('codex', { apis: ['openai-responses'] }),
      agent('goose', { apis: ['openai-chat'], installed: false }),
      agent('other', { loggedIn: true }),
      agent('mine', { apis: [], found: true }),
    ]
    const names = (source: Parameters<typeof agentsFor>[0]) => agentsFor(source, null, agents).map(({ name }) => name)
    expect(names({ kind: 'model', model, words: '' })).toEqual(['codex', 'other', 'mine'])
    expect(names({ kind: 'login', agent: 'other', words: '' })).toEqual(['other'])
    expect(names({ kind: 'none', words: '' })).toEqual(['other', 'mine'])
  })

  test('only what differs from the defaults is written', () => {
    const model = { provider: 'openai-chat' as const, model: 'm', baseUrl: 'http://h/v1', key: null }
    expect(keysOf({ source: { kind: 'model', model, words: '' }, agent: 'pi', dayUsdMax: 5 })).toEqual([
      ['model', { provider: 'openai-chat', model: 'm', baseUrl: 'http://h/v1' }],
      ['agents.default', 'pi'],
      ['limits.dayUsdMax', 5],
    ])
    expect(
      keysOf({ source: { kind: 'login', agent: 'claude', words: '' }, agent: 'claude', dayUsdMax: undefined }),
    ).toEqual([
      ['brain.agent', 'claude'],
      ['agents.default', 'claude'],
    ])
    expect(keysOf({ source: { kind: 'none', words: '' }, agent: null, dayUsdMax: undefined })).toEqual([])
  })

  test('a server is an address and a name, money is an amount or nothing', () => {
    expect(readServer(' http://127.0.0.1:1/v1   qwen ')).toEqual({ baseUrl: 'http://127.0.0.1:1/v1', model: 'qwen' })
    for (const wrong of ['', 'http://h/v1', 'h qwen', 'http://h a b']) expect(typeof readServer(wrong)).toBe('string')
    expect([readUsd('$2.50'), readUsd(''), readUsd('none')]).toEqual([2.5, null, null])
    for (const wrong of ['-1', 'much', 'Infinity']) expect(typeof readUsd(wrong)).toBe('string')
  })
})

/** Two starts of a daemon and a whole goal, on a busy machine. */
const SLOW = 150_000

describe('with a real daemon and a scripted model', { timeout: SLOW }, () => {
  let home: string
  let model: ModelServer
  const env = { PATH: [dirname(process.execPath), '/usr/local/bin:/usr/bin:/bin'].join(delimiter) }

  beforeEach(async () => {
    const hello = work([{ write: { path: 'hello.txt', content: 'hello from claw\n' } }, { say: 'Written.' }])
    model = await startModelServer({
      script: firstOf([
        // The reviewer: with this kind of server it is asked for JSON in words.
        when(({ system }) => /You review one change/.test(system), { say: '{"summary":"Fine.","findings":[]}' }),
        hello,
        say('Aside'),
      ]),
    })
    home = mkdtempSync(join(tmpdir(), 'claw-setup-'))
  })
  afterEach(async () => {
    await claw(['daemon', 'stop'], { home, env })
    await model[Symbol.asyncDispose]()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  })

  const flags = () => ['--provider', 'openai-chat', '--model', 'scripted-model', '--base-url', `${model.url}/v1`]

  test('with --yes it writes what was said and proves it by a goal that is really worked off', async () => {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'config.yaml'), '# mine\nruns:\n  max: 2\n')
    const said = await claw(['setup', ...flags(), '--agent', 'pi', '--day-usd', '5', '--yes'], {
      home,
      env,
      timeoutMs: SLOW,
    })
    expect(said.code, said.stdout + said.stderr).toBe(0)
    expect(said.stdout).toMatch(/It works: an agent wrote hello\.txt, its check passed, and it was landed/)
    expect(said.stdout).toContain('claw memory fetch-model gets the model for recall by meaning')
    const text = readFileSync(join(home, 'config.yaml'), 'utf8')
    expect(text).toContain('# mine\nruns:\n  max: 2\n')
    expect(text).toContain('dayUsdMax: 5')
    expect(model.requests.length).toBeGreaterThan(1)
    const goal = JSON.parse((await claw(['goal', 'show', '1', '--json'], { home, env })).stdout)
    expect(goal).toMatchObject({ goal: { state: 'met' }, taskViews: [{ task: { state: 'done' } }] })

    const again = await claw(['setup', '--yes', '--json'], { home, env, timeoutMs: SLOW })
    expect(JSON.parse(again.stdout)).toMatchObject({ written: false, proof: { goal: 2, met: true } })
    expect(readFileSync(join(home, 'config.yaml'), 'utf8')).toBe(text)
  })

  test('a model that refuses is said at once, and the goal does not stay open', async () => {
    await model[Symbol.asyncDispose]()
    model = await startModelServer({
      script: () => ({ error: { status: 401, body: { error: { message: 'invalid api key' } } } }),
    })
    const said = await claw(['setup', ...flags(), '--agent', 'pi', '--yes'], { home, env, timeoutMs: SLOW })
    expect(said.code).toBe(1)
    expect(said.stdout).toMatch(/✗ Goal 1 did not get through: .*/)
    expect(said.stdout).toContain('claw doctor --online')
    const goal = JSON.parse((await claw(['goal', 'show', '1', '--json'], { home, env })).stdout)
    expect(goal.goal.state).toBe('dropped')
  })

  test('without a terminal and without --yes it shows the file and writes nothing', async () => {
    const said = await claw(['setup', ...flags()], { home, env })
    expect(said).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes writes it as it is shown') })
    expect(said.stdout).toContain('model: scripted-model')
    expect(existsSync(join(home, 'config.yaml'))).toBe(false)
  })

  test.each([
    ['a key itself', ['--provider', 'openai', '--model', 'm', '--key', 'sk-123'], 'where the key is: `env:NAME`'],
    ['half a model', ['--provider', 'openai'], 'both --provider and --model'],
    ['an agent that is not there', ['--agent', 'clod'], 'There is no agent clod; known: claude'],
  ])('%s is refused', async (_, args, words) => {
    const said = await claw(['setup', ...args, '--yes'], { home, env, timeoutMs: SLOW })
    expect(said.code).toBe(2)
    expect(said.stderr).toContain(words)
    expect(existsSync(join(home, 'config.yaml'))).toBe(false)
  })

  test.runIf(hasTerminal)(
    'on a terminal it asks, keeps a key that is entered in a file of its own, and writes only after it was shown',
    async () => {
      const told = await onTerminal(
        ['setup', '--no-proof'],
        [
          // Without a key in the environment the first offer is Anthropic with a key that is entered.
          [/Which model do the agents use\?/, '\r'],
          [/The key \(it is put into/, 'sk-entered-by-hand\r'],
          [/How many US dollars/, '3\r'],
          [/Write it to/, 'y'],
        ],
      )
      expect(told.code, told.text).toBe(0)
      expect(told.text).not.toContain('sk-entered-by-hand')
      const file = join(home, 'secrets/anthropic.key')
      expect(existsSync(file), told.text).toBe(true)
      expect(readFileSync(file, 'utf8')).toBe('sk-entered-by-hand\n')
      expect(statSync(file).mode & 0o777).toBe(0o600)
      const text = readFileSync(join(home, 'config.yaml'), 'utf8')
      expect(text).toContain(`key: file:${file}`)
      expect(text, told.text).toContain('dayUsdMax: 3')
      expect(text).not.toContain('sk-entered')
    },
  )

  test.runIf(hasTerminal)(
    'on a terminal the most that is asked is five questions, and then one tiny goal is done as proof',
    async () => {
      writeFileSync(join(home, 'config.yaml'), 'agents:\n  custom:\n    mine: { command: [/usr/bin/true] }\n')
      const down = '\u001b[B'
      const told = await onTerminal(
        ['setup'],
        [
          // Three providers come before it.
          [/Which model do the agents use\?/, `${down}${down}${down}\r`],
          [/Its address and the model’s name/, `${model.url}/v1 scripted-model\r`],
          [/Which agent does the work\?/, '\r'],
          [/How many US dollars/, '\r'],
          [/Write it to/, 'y'],
        ],
      )
      expect(told.code, told.text).toBe(0)
      expect(told.left).toEqual([])
      expect(told.text).toMatch(/It works: an agent wrote hello\.txt, its check passed, and it was landed/)
      const text = readFileSync(join(home, 'config.yaml'), 'utf8')
      expect(text).toContain('mine: { command: [ /usr/bin/true ] }')
      expect(text).toContain(`baseUrl: ${model.url}/v1`)
      expect(text).not.toContain('dayUsdMax')
      const questions = [...told.text.matchAll(/^◆ {2}(.+?)\s*$/gm)].map(([, words]) => words)
      expect(new Set(questions).size, told.text).toBe(5)
      // What is found is said in a line each, what is missing in one.
      expect(told.text).toMatch(/✓ pi +installed; it needs a model/)
      expect(told.text.match(/not installed/g)).toHaveLength(1)
    },
  )

  const onTerminal = (args: string[], answers: [RegExp, string][]) =>
    runOnTerminal(args, answers, { home, env, timeoutMs: SLOW })
})
