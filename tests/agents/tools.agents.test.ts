import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findDaemonFile } from '../../config/daemon-file.ts'
import { RUN_TOOLS } from '../../tools/index.ts'
import { wordsOf } from '../fakes/mcp-place.ts'
import { conversationText, lastUserText } from '../model-server/conversation.ts'
import type { ModelRequest, Script, Step } from '../model-server/exchange.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { firstOf, say, when, work } from '../model-server/script.ts'
import { aPlan, aPlannedTask, createScene, type Scene } from '../scenarios/harness.ts'

/**
 * Real agents as clients of a run's tools, in the product's own sandbox under a real daemon: what they recall is what
 * the memory holds, what they remember stays, and what they ask the owner is answered while they wait. The owner does
 * their part over MCP too, with the SDK's client.
 */
const root = join(import.meta.dirname, '..', '..')
const own = join(import.meta.dirname, 'node_modules/.bin')
const more = join(import.meta.dirname, 'more/node_modules')

interface Agent {
  program: string
  provider: string
  /** Speaks no MCP over ACP and gets the same through a command. */
  shell?: true
}

/** Without OpenCode: it looks for npm's registry, about which its owner is asked too. */
const AGENTS: Record<string, Agent> = {
  goose: { program: join(own, 'goose'), provider: 'openai-chat' },
  codex: { program: join(own, 'codex-acp'), provider: 'openai' },
  claude: { program: join(own, 'claude-agent-acp'), provider: 'anthropic' },
  pi: { program: join(root, 'node_modules/.bin/pi-acp'), provider: 'openai-chat', shell: true },
  gemini: { program: join(more, '.bin/gemini'), provider: 'google' },
  copilot: { program: join(more, '.bin/copilot'), provider: 'openai-chat' },
  qwen: { program: join(more, '.bin/qwen'), provider: 'openai-chat' },
}

const QUESTION = 'Which colour should the page have?'
const LEARNED = 'The page is built by make page.'

/** Each call's answer is found in the next request, so it can be put into the file that the check looks at. */
const OVER_MCP: Step[] = [
  { tool: { name: 'recall', args: { query: 'port of the colour service' } } },
  { tool: { name: 'remember', args: { text: LEARNED, kind: 'fact' } } },
  { tool: { name: 'ask_owner', args: { question: QUESTION, choices: ['red', 'blue'], waitSeconds: 120 } } },
]
const OVER_SHELL: Step[] = [
  { run: 'claw-run recall port of the colour service' },
  { run: `claw-run remember ${LEARNED}` },
  { run: `claw-run ask '${QUESTION}' --choice red --choice blue` },
]

const isWork = (request: ModelRequest) => request.tools.length > 0 && lastUserText(request).includes('Make the page')

function asTold(calls: Step[]): Script {
  const steps = (request: ModelRequest): Step[] => {
    const said = conversationText(request)
    const port = /listens on port (\d+)/.exec(said)?.[1] ?? 'unknown'
    // Codex puts the structured answer before its model, the others the words.
    const colour = /answers?[^a-z]{1,6}(red|blue)\b/.exec(said)?.[1] ?? 'unknown'
    return [...calls, { write: { path: 'page.txt', content: `${colour} ${port}\n` } }, { say: 'The page is there.' }]
  }
  return firstOf([
    when(isWork, (request) => work(steps(request))(request)),
    // Titles and summaries that agents ask for beside the work.
    say('Aside'),
  ])
}

describe.each(Object.entries(AGENTS))('%s', (agent, { program, provider, shell }) => {
  const isThere = existsSync(program)
  if (!isThere) {
    const how = program.startsWith(more) ? 'agents:install:more' : 'agents:install'
    console.log(`skipped: ${agent} is not installed (npm run ${how})`)
  }

  test.skipIf(!isThere)('recalls, remembers and asks the owner in a run of its own', async () => {
    const server = await startModelServer({ script: asTold(shell ? OVER_SHELL : OVER_MCP) })
    onTestFinished(() => server[Symbol.asyncDispose]())
    await using scene = createScene({
      sandbox: 'auto',
      env: {
        PATH: [dirname(process.execPath), dirname(program), '/usr/local/bin:/usr/bin:/bin'].join(delimiter),
        MODEL_KEY: 'key-of-the-agent-test',
      },
      config: {
        model: {
          provider,
          model: 'scripted-model',
          baseUrl: `${server.url}/${provider === 'google' ? 'v1beta' : 'v1'}`,
          key: 'env:MODEL_KEY',
        },
        brain: { review: false, agent: null },
        memory: { model: null, index: 'sqlite' },
        agents: { default: agent },
      },
    })
    const life = scene.start()
    expect(await life.ready, life.words()).toBe(true)
    const owner = await ownerOf(scene)
    await owner('remember', { text: 'The colour service listens on port 7411.' })
    const planned = aPlannedTask('page', { steps: [], check: 'grep -qx "blue 7411" page.txt' })
    await owner('add_goal', {
      text: 'A page with the right colour',
      repo: scene.repository,
      land: 'merge',
      autonomy: 'auto',
      agent,
      plan: aPlan([{ ...planned, brief: 'Make the page.' }]),
    })

    const asked = await owner('watch_goal', { goal: 1, waitSeconds: 1 }, ({ asks, ended }) => ended || asks.length > 0)
    expect(asked.asks).toMatchObject([
      { kind: 'question', question: `Task 1.1: ${QUESTION}`, choices: [{ label: 'red' }, { label: 'blue' }, {}] },
    ])
    const [{ ask, choices }] = asked.asks
    await owner('answer_ask', { ask, choice: choices[1].id })
    const over = await owner('watch_goal', { goal: 1, waitSeconds: 1 }, ({ asks, ended }) => ended || asks.length > 0)

    // The run's own tools are allowed without asking: the question is all that the owner was asked.
    expect(over).toMatchObject({ status: 'met', asks: [] })
    expect(scene.rows('select kind from ask')).toEqual([{ kind: 'question' }])
    const runs = scene.rows<{ id: string }>('select id, agent, outcome from run')
    expect(runs).toMatchObject([{ agent, outcome: 'done' }])
    const { notes } = await owner('list_notes', { kind: 'fact' })
    const kept = notes.find(({ title }: { title: string }) => title.includes('make page'))
    expect(await owner('show_note', { note: kept?.noteId })).toMatchObject({ source: `run ${runs[0]!.id}` })
    // No model was sent to look for tools first (Claude and Qwen would do that): all were before it from the start.
    const first = server.requests.find(({ request }) => request && isWork(request))
    const offered = first?.request?.tools.map(({ name }) => name) ?? []
    const claws = RUN_TOOLS.map(({ name }) => offered.some((tool) => tool.endsWith(name)))
    // Who has no tools is told of the command.
    if (shell) expect(lastUserText(first!.request!)).toContain('claw-run --help')
    else expect(claws).toEqual(RUN_TOOLS.map(() => true))
  })
})

// biome-ignore lint/suspicious/noExplicitAny: what a tool answers is the test's to look at
type Answered = any

/** A client of the owner's: calls a tool, again until its answer is as wanted. */
async function ownerOf(scene: Scene) {
  const { port, token } = findDaemonFile(scene.paths.daemonFile)!
  const client = new Client({ name: 'owner', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  await client.connect(transport)
  onTestFinished(() => client.close())
  return async (name: string, input: object, isWanted: (answer: Answered) => boolean = () => true) => {
    for (;;) {
      const result = await client.callTool({ name, arguments: input as Record<string, unknown> })
      expect(result.isError ?? false, wordsOf(result)).toBe(false)
      if (isWanted(result.structuredContent)) return result.structuredContent as Answered
    }
  }
}
