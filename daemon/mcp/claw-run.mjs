// claw-run: the tools of a run for agents that speak no MCP. Written into the run's private HOME by Claw.
const HELP = `usage: claw-run brief                          what you were asked to do, and the checks that will be run
       claw-run recall WORDS…                  search what was learned in earlier work
       claw-run remember [--lesson|--decision] WORDS…   keep something for later work on this repository
       claw-run ask QUESTION [--choice A]…     ask the owner, and wait (again with the same words: the same question)
       claw-run progress WORDS…                tell whoever watches what you are doing
       claw-run scratch [WORDS…]               read, or write on, the scratchpad that the goal's tasks share
WORDS of a single dash are read from stdin.`

const [command, ...rest] = process.argv.slice(2)
const { CLAW_RUN_URL: url, CLAW_RUN_TOKEN: token } = process.env

/** How often one `ask` waits for the owner before it gives the shell back. */
const ASK_ROUNDS = 12
const ASK_SECONDS = 45

const CALLS = {
  brief: () => ['brief', {}],
  recall: async () => ['recall', { query: await words(rest) }],
  remember: async () => {
    const kind = rest.includes('--lesson') ? 'lesson' : rest.includes('--decision') ? 'decision' : 'fact'
    return ['remember', { text: await words(rest.filter((word) => !word.startsWith('--'))), kind }]
  },
  progress: async () => ['report_progress', { text: await words(rest) }],
  scratch: async () => (rest.length === 0 ? ['read_scratch', {}] : ['append_scratch', { text: await words(rest) }]),
  ask: async () => {
    const choices = []
    const question = []
    for (let i = 0; i < rest.length; i++) {
      if (rest[i] === '--choice') choices.push(rest[++i] ?? '')
      else question.push(rest[i])
    }
    return ['ask_owner', { question: await words(question), choices, waitSeconds: ASK_SECONDS }]
  },
}

if (!Object.hasOwn(CALLS, command ?? '')) fail(HELP, command === undefined || command === '--help' ? 0 : 2)
if (!url || !token) fail('claw-run: only a run of Claw can use this (CLAW_RUN_URL and CLAW_RUN_TOKEN are not set)', 2)
const [name, input] = await CALLS[command]()
let result = await call(name, input)
for (let round = 1; round < ASK_ROUNDS && result.structuredContent?.state === 'open'; round++) result = await call(name, input)
const text = (result.content ?? []).map((part) => part.text ?? '').join('\n')
if (result.isError) fail(`claw-run: ${text}`, 1)
console.log(text)

async function call(name, input) {
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: input } }
  let response
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-06-18',
      },
      body: JSON.stringify(body),
    })
  } catch (error) {
    fail(`claw-run: Claw cannot be reached: ${error.cause?.code ?? error.message}`, 3)
  }
  const answer = await response.text()
  if (!response.ok) fail(`claw-run: ${problem(answer) ?? `status ${response.status}`}`, 3)
  const lines = answer.startsWith('{') ? [answer] : answer.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice(6)] : []))
  const message = lines.map((line) => JSON.parse(line)).find((message) => message.id === 1)
  if (message?.error) fail(`claw-run: ${message.error.message}`, 1)
  return message?.result ?? fail('claw-run: Claw gave no answer', 3)
}

async function words(given) {
  if (given.join(' ').trim() !== '-') return given.join(' ').trim() || fail(HELP, 2)
  let text = ''
  for await (const piece of process.stdin) text += piece
  return text.trim() || fail('claw-run: nothing came on stdin', 2)
}

function problem(text) {
  try {
    return JSON.parse(text).detail
  } catch {
    return undefined
  }
}

function fail(text, code) {
  console[code === 0 ? 'log' : 'error'](text)
  process.exit(code)
}
