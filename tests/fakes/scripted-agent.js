#!/usr/bin/env node
// An ACP program that does what the prompt's script says and nothing else. Plain JavaScript and
// hand-written JSON-RPC, because tests start it hundreds of times. See scripted-agent.ts for the
// steps; it passes tests/contracts/agent.ts like a real agent.
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const home = process.env.HOME
const stateFile = join(home, '.scripted-agent.json')
const pending = new Map()
let nextId = 1
let cwd = process.cwd()
let current // { sessionId, cancelled, onCancel }

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const update = (sessionId, body) => send({ method: 'session/update', params: { sessionId, update: body } })
const say = (sessionId, text, kind = 'agent_message_chunk') =>
  update(sessionId, { sessionUpdate: kind, content: { type: 'text', text } })

function ask(method, params) {
  const id = `s${nextId++}`
  send({ id, method, params })
  return new Promise((done) => pending.set(id, done))
}

function readState() {
  try {
    return JSON.parse(readFileSync(stateFile, 'utf8'))
  } catch {
    return { prompts: 0, script: null, sessions: {} }
  }
}

function writeState(state) {
  writeFileSync(`${stateFile}.new`, JSON.stringify(state))
  renameSync(`${stateFile}.new`, stateFile)
}

/** The last script block of a prompt; the one seen before goes on where a prompt has none. */
function findScript(text, state) {
  const blocks = [...text.matchAll(/```script\s*\n([\s\S]*?)\n\s*```/g)]
  const block = blocks.at(-1)?.[1]
  if (block !== undefined) return JSON.parse(block)
  if (state.script) return state.script
  if (process.env.CLAW_SCRIPT) return JSON.parse(process.env.CLAW_SCRIPT)
  try {
    return JSON.parse(readFileSync(join(home, 'script.json'), 'utf8'))
  } catch {
    return []
  }
}

class RpcError extends Error {
  constructor(code, message, data) {
    super(message)
    this.code = code
    this.data = data
  }
}

const methods = {
  initialize() {
    if (process.env.SCRIPTED_DIE_AT_START) process.exit(9)
    return {
      protocolVersion: Number(process.env.SCRIPTED_PROTOCOL ?? 1),
      agentInfo: { name: 'scripted', version: '1' },
      agentCapabilities: { loadSession: true, mcpCapabilities: { http: true }, sessionCapabilities: { close: {} } },
      authMethods: [],
    }
  },
  'session/new'(params) {
    cwd = params.cwd
    const state = readState()
    const sessionId = `scripted-${Object.keys(state.sessions).length + 1}-${process.pid}`
    state.sessions[sessionId] = { prompts: [] }
    writeState(state)
    return { sessionId, modes: { currentModeId: 'default', availableModes: [{ id: 'default', name: 'Default' }] } }
  },
  'session/load'(params) {
    cwd = params.cwd
    const known = readState().sessions[params.sessionId]
    if (!known) throw new RpcError(-32002, `Resource not found: ${params.sessionId}`)
    for (const prompt of known.prompts) say(params.sessionId, `(before: ${prompt})`)
    return null
  },
  'session/set_mode': () => ({}),
  'session/close': () => ({}),
  async 'session/prompt'({ sessionId, prompt }) {
    const text = prompt.map((block) => block.text ?? '').join('')
    const state = readState()
    const script = findScript(text, state)
    const turns = Array.isArray(script) ? [script] : (script.turns ?? [])
    const steps = turns[Math.min(state.prompts, turns.length - 1)] ?? []
    state.prompts++
    state.script = script
    state.sessions[sessionId] ??= { prompts: [] }
    state.sessions[sessionId].prompts.push(text.slice(0, 200))
    writeState(state)

    const turn = { sessionId, text, cancelled: false, onCancel: [], said: false, end: null, result: {} }
    current = turn
    await play(steps, turn)
    current = undefined
    if (turn.cancelled) return { stopReason: 'cancelled' }
    if (!turn.said && turn.end === null) say(sessionId, 'done')
    return { stopReason: turn.end ?? 'end_turn', ...turn.result }
  },
}

async function play(steps, turn) {
  for (const step of steps) {
    if (turn.cancelled) return
    await STEPS[step.do](step, turn)
  }
}

function untilCancelled(turn, ms) {
  return new Promise((done) => {
    turn.onCancel.push(done)
    // An interval, not nothing: a process without work would simply end.
    if (ms === undefined) setInterval(() => {}, 1 << 30)
    else setTimeout(done, ms)
  })
}

let tools = 0
async function tool(turn, title, kind, rawInput, work) {
  const toolCallId = `t${++tools}-${process.pid}`
  const { sessionId } = turn
  update(sessionId, { sessionUpdate: 'tool_call', toolCallId, title, kind, status: 'in_progress', rawInput })
  let status = 'completed'
  try {
    await work()
  } catch (error) {
    status = 'failed'
    turn.said = true
    say(sessionId, `failed: ${error.message}`)
  }
  update(sessionId, { sessionUpdate: 'tool_call_update', toolCallId, status })
}

const STEPS = {
  say(step, turn) {
    turn.said = true
    say(turn.sessionId, step.text)
    // Told in two pieces, as models do.
    const value = process.env[step.env] ?? ''
    if (step.env) for (const part of [value.slice(0, 9), value.slice(9)]) say(turn.sessionId, part)
  },
  think: (step, turn) => say(turn.sessionId, step.text, 'agent_thought_chunk'),
  /** Ends the turn without a word. */
  mute(_step, turn) {
    turn.said = true
  },
  write: (step, turn) =>
    tool(turn, `write ${step.path}`, 'edit', { path: step.path }, () => {
      const file = resolve(cwd, step.path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, step.text ?? '', step.append ? { flag: 'a' } : {})
    }),
  remove: (step, turn) =>
    tool(turn, `remove ${step.path}`, 'delete', { path: step.path }, () =>
      rmSync(resolve(cwd, step.path), { recursive: true, force: true }),
    ),
  read: (step, turn) =>
    tool(turn, `read ${step.path}`, 'read', { path: step.path }, () => {
      let got
      try {
        got = readFileSync(resolve(cwd, step.path), 'utf8')
      } catch (error) {
        got = `cannot read: ${error.code}`
      }
      writeFileSync(resolve(cwd, step.to), got)
    }),
  run: (step, turn) =>
    tool(turn, step.command, 'execute', { command: step.command }, async () => {
      const { spawn } = await import('node:child_process')
      const child = spawn('/bin/sh', ['-c', step.command], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          output = (output + chunk).slice(-10000)
        })
      }
      turn.onCancel.push(() => child.kill('SIGKILL'))
      const code = await new Promise((done) => child.on('exit', done))
      if (step.to) writeFileSync(resolve(cwd, step.to), output)
      if (code !== 0) throw new Error(`exit ${code}: ${output.slice(-500)}`)
    }),
  async ask(step, turn) {
    const toolCallId = `t${++tools}-${process.pid}`
    const rawInput = step.command ? { command: step.command } : { path: step.path }
    const answer = await Promise.race([
      ask('session/request_permission', {
        sessionId: turn.sessionId,
        toolCall: { toolCallId, ...(step.title ? { title: step.title } : {}), kind: step.kind, rawInput },
        options: step.options ?? [
          { optionId: 'always', name: 'Always', kind: 'allow_always' },
          { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
          { optionId: 'no', name: 'No', kind: 'reject_once' },
        ],
      }),
      untilCancelled(turn, 1 << 30),
    ])
    const outcome = answer?.result?.outcome
    if (step.to) writeFileSync(resolve(cwd, step.to), JSON.stringify(outcome ?? null))
    const allowed = outcome?.outcome === 'selected' && ['yes', 'always'].includes(outcome.optionId)
    await play((allowed ? step.yes : step.no) ?? [], turn)
  },
  when: (step, turn) => play((turn.text.includes(step.contains) ? step.yes : step.no) ?? [], turn),
  /** Asks the model that stands in its environment, through whatever lies in between; a refusal ends the turn with its words. */
  async model(step) {
    const { CLAW_MODEL_URL: url, CLAW_MODEL_KEY: key, CLAW_MODEL_NAME: model } = process.env
    for (let i = 0; i < (step.times ?? 1); i++) {
      const messages = [{ role: 'user', content: step.text ?? 'Go on.' }]
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages, stream: step.stream === true, max_tokens: 1000 }),
      })
      const body = await response.text()
      if (!response.ok) throw new RpcError(-32603, `API error ${response.status}: ${body.slice(0, 300)}`)
    }
  },
  silent: (_step, turn) => untilCancelled(turn),
  /** Does not even listen to cancel. */
  deaf: () => new Promise(() => setInterval(() => {}, 1 << 30)),
  sleep: (step, turn) => untilCancelled(turn, step.ms),
  crash(step) {
    if (step.signal) process.kill(process.pid, step.signal)
    process.stderr.write(`${step.stderr ?? 'scripted crash'}\n`, () => process.exit(step.code ?? 1))
    return new Promise(() => {})
  },
  async flood(step, turn) {
    for (let i = 0; i < (step.updates ?? 1) && !turn.cancelled; i++) {
      const text = 'x'.repeat(step.bytes ?? 100)
      const body = {
        sessionId: turn.sessionId,
        update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } },
      }
      const line = `${JSON.stringify({ jsonrpc: '2.0', method: 'session/update', params: body })}\n`
      if (!process.stdout.write(line)) await new Promise((done) => process.stdout.once('drain', done))
    }
  },
  'ignore-term'() {
    process.on('SIGTERM', () => {})
  },
  async 'leave-child'(step) {
    const { spawn } = await import('node:child_process')
    const env = step.cleanEnv ? { PATH: process.env.PATH } : process.env
    const child = spawn('/bin/sh', ['-c', `trap "" TERM; echo up; sleep ${step.seconds ?? 3600}`], {
      cwd,
      env,
      detached: step.session !== false,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await new Promise((done) => child.stdout.once('data', done))
    child.unref()
    child.stdout.unref()
    if (step.to) writeFileSync(resolve(cwd, step.to), String(child.pid))
  },
  async commit(step) {
    const { spawnSync } = await import('node:child_process')
    const git = (...args) =>
      spawnSync('git', ['-c', 'user.name=agent', '-c', 'user.email=agent@example.org', ...args], { cwd })
    if (step.branch) git('checkout', '-q', '-b', step.branch)
    git('add', '-A')
    git('commit', '-q', '-m', step.message ?? 'made by the agent')
  },
  noise: (step) => void process.stdout.write(`${step.text}\n`),
  stderr: (step) => void process.stderr.write(`${step.text}\n`),
  update: (step, turn) => update(turn.sessionId, step.update),
  async call(step, turn) {
    const answer = await ask(step.method, { sessionId: turn.sessionId, ...step.params })
    if (step.to) writeFileSync(resolve(cwd, step.to), JSON.stringify(answer))
  },
  notify: (step) => send({ method: step.method, params: step.params ?? {} }),
  error(step) {
    throw new RpcError(step.code ?? -32603, step.message ?? 'Internal error', step.data)
  },
  end(step, turn) {
    turn.end = step.reason
    turn.said = true
  },
  usage(step, turn) {
    turn.result = { usage: step.usage }
  },
}

/** What was asked of it, in a file that outlives its HOME: one line per request, across all of its lives. */
function note({ method, params }) {
  const line = { method, sessionId: params?.sessionId ?? null, run: process.env.CLAW_RUN_ID ?? null, pid: process.pid }
  appendFileSync(process.env.SCRIPTED_JOURNAL, `${JSON.stringify({ ...line, at: Date.now() })}\n`)
}

async function handle(message) {
  if (message.method === undefined) {
    pending.get(message.id)?.(message)
    pending.delete(message.id)
    return
  }
  if (process.env.SCRIPTED_JOURNAL && message.id !== undefined) note(message)
  if (message.method === 'session/cancel' && current) {
    current.cancelled = true
    for (const done of current.onCancel) done()
    return
  }
  if (message.id === undefined) return
  try {
    const method = methods[message.method]
    if (!method) throw new RpcError(-32601, `Method not found: ${message.method}`)
    send({ id: message.id, result: await method(message.params) })
  } catch (error) {
    current = undefined
    send({ id: message.id, error: { code: error.code ?? -32603, message: error.message, data: error.data } })
  }
}

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  for (const line of lines) if (line.trim() !== '') void handle(JSON.parse(line))
})
// Like Codex and Claude: without a client there is nothing to do.
process.stdin.on('end', () => process.exit(0))
