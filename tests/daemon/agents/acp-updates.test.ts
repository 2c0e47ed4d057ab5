import { expect, test } from 'vitest'
import { commandOf, createUpdateReader, TEXT_CHARACTERS_MAX } from '../../../daemon/agents/acp-updates.ts'

const read = (update: unknown) => createUpdateReader('/w').read(update)

test('an update without the call it updates is a call (Gemini)', () => {
  const { update } = read({
    sessionUpdate: 'tool_call_update',
    toolCallId: 'a',
    kind: 'edit',
    locations: [{ path: 'x.ts' }],
  })
  expect(update).toEqual({ kind: 'tool', id: 'a', title: 'edit', status: 'running', paths: ['/w/x.ts'], command: null })
})

test('a call without kind and status is pending (goose), and later updates fill it in', () => {
  const reader = createUpdateReader('/w')
  expect(reader.read({ sessionUpdate: 'tool_call', toolCallId: 'a', title: 'shell' }).update).toMatchObject({
    status: 'pending',
  })
  expect(reader.toolsRunning()).toBe(1)
  const done = reader.read({
    sessionUpdate: 'tool_call_update',
    toolCallId: 'a',
    status: 'completed',
    rawInput: { command: 'ls' },
  })
  expect(done.update).toMatchObject({ title: 'shell', status: 'done', command: 'ls' })
  expect(reader.toolsRunning()).toBe(0)
})

test('at the end of a turn no tool is running, whatever was last said', () => {
  const reader = createUpdateReader('/w')
  reader.read({ sessionUpdate: 'tool_call', toolCallId: 'a', status: 'in_progress' })
  reader.endTurn()
  expect(reader.toolsRunning()).toBe(0)
})

test.each([
  [{ command: 'npm test' }, 'npm test'],
  [{ command: ['bash', '-lc', 'npm test && ls'] }, 'npm test && ls'],
  [{ command: ['/bin/sh', '-c', 'ls'] }, 'ls'],
  [{ command: ['git', 'commit', '-m', "it's done"] }, "git commit -m 'it'\\''s done'"],
  [{ cmd: 'ls' }, 'ls'],
  [{ path: 'x' }, null],
  [null, null],
])('the command of %j is %j', (rawInput, command) => {
  expect(commandOf(rawInput)).toBe(command)
})

test('paths come from places, arguments, diffs and changes, once each and absolute', () => {
  const { update } = read({
    sessionUpdate: 'tool_call',
    toolCallId: 'a',
    locations: [{ path: '/w/a' }],
    content: [{ type: 'diff', path: 'a', oldText: '', newText: '' }],
    rawInput: { file_path: '../b', changes: { c: {} } },
  })
  expect(update).toMatchObject({ paths: ['/w/a', '/b', '/w/c'] })
})

test('a question without a title takes it from the call it belongs to (Codex)', () => {
  const reader = createUpdateReader('/w')
  reader.read({
    sessionUpdate: 'tool_call',
    toolCallId: 'a',
    title: 'Run tests',
    kind: 'execute',
    rawInput: { command: 'npm test' },
  })
  const options = [
    { optionId: 'ok', name: 'OK', kind: 'allow_once' },
    { optionId: '?', kind: 'allow_for_ever_and_a_day' },
  ]
  expect(reader.readPermission({ toolCall: { toolCallId: 'a' }, options })).toEqual({
    toolCallId: 'a',
    title: 'Run tests',
    kind: 'execute',
    paths: [],
    command: 'npm test',
    rawInput: { command: 'npm test' },
    options: [{ id: 'ok', kind: 'allow_once', label: 'OK' }],
  })
})

test('a question about a call nobody announced has a title all the same', () => {
  const { readPermission } = createUpdateReader('/w')
  expect(readPermission({ toolCall: { toolCallId: 'b', kind: 'edit' }, options: [] })).toMatchObject({
    title: 'edit',
    kind: 'edit',
  })
  expect(readPermission({ toolCall: { toolCallId: 'c', rawInput: { command: 'ls' } } })).toMatchObject({
    title: 'ls',
    kind: 'execute',
  })
  expect(readPermission({ toolCall: { toolCallId: 'd', title: 'mcp__claw__recall' } })).toMatchObject({ kind: 'mcp' })
  expect(readPermission({ toolCall: {} })).toBeUndefined()
})

test('goose and Qwen name the server of a tool beside the call, and goose’s own files and shell are none', () => {
  const { read, readPermission } = createUpdateReader('/w')
  const announce = (toolCallId: string, extensionName: string) =>
    read({ sessionUpdate: 'tool_call', toolCallId, title: 'x', _meta: { goose: { toolCall: { extensionName } } } })
  const asked = (toolCallId: string, rawInput: object) =>
    readPermission({ toolCall: { toolCallId, kind: 'other', title: 'Aside', rawInput }, options: [] })
  announce('a', 'claw')
  expect(asked('a', { path: 'x', command: 'y' })).toMatchObject({ kind: 'mcp', server: 'claw' })
  const _meta = { toolName: 'mcp__docs__read', provenance: 'mcp', serverId: 'docs' }
  read({ sessionUpdate: 'tool_call', toolCallId: 'q', title: 'read (docs MCP Server)', kind: 'read', _meta })
  expect(asked('q', { path: 'x' })).toMatchObject({ kind: 'mcp', server: 'docs' })
  announce('b', 'developer')
  expect(asked('b', { command: 'rm -rf /' })).toMatchObject({ kind: 'execute', command: 'rm -rf /' })
  expect(asked('b', { command: 'rm -rf /' })).not.toHaveProperty('server')
})

test('Copilot names the server only when it announces a call; what has a command or a path is no such call', () => {
  const { read, readPermission } = createUpdateReader('/w')
  const asked = (toolCallId: string, announced: string, rawInput: object, kind = 'other') => {
    read({ sessionUpdate: 'tool_call', toolCallId, title: announced, kind, rawInput })
    return readPermission({ toolCall: { toolCallId, kind, title: 'Remember', rawInput }, options: [] })
  }
  expect(asked('a', 'claw-remember', { text: 'x' })).toMatchObject({ kind: 'mcp', server: 'claw' })
  expect(asked('b', 'claw-remember', { command: 'rm -rf /' })).toMatchObject({ kind: 'execute' })
  expect(asked('c', 'claw-remember', { path: '/etc/passwd', content: '' })).toMatchObject({ kind: 'edit' })
  expect(asked('d', 'claw-remember', { url: 'https://example.org' }, 'fetch')).toMatchObject({ kind: 'fetch' })
  expect(asked('e', 'Remember this', { text: 'x' })).toMatchObject({ kind: 'other' })
})

test('words of every shape are read, and overlong ones cut', () => {
  expect(read({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'a' } }).update).toEqual({
    kind: 'text',
    text: 'a',
  })
  const long = read({
    sessionUpdate: 'agent_thought_chunk',
    content: { type: 'text', text: 'x'.repeat(1_000_000) },
  }).update
  expect(long).toMatchObject({ kind: 'thought' })
  expect((long as { text: string }).text.length).toBeLessThan(TEXT_CHARACTERS_MAX + 10)
})

test.each([
  null,
  'words',
  [],
  { sessionUpdate: 'something_new' },
  { sessionUpdate: 'agent_message_chunk' },
  { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: '' } },
  { sessionUpdate: 'tool_call' },
  { sessionUpdate: 'available_commands_update' },
  { sessionUpdate: 'user_message_chunk', content: { type: 'text', text: 'x' } },
])('%j is neither progress nor news', (update) => {
  expect(read(update)).toEqual({ progress: false })
})

test('use of context is progress, and a cost in dollars is kept', () => {
  expect(read({ sessionUpdate: 'usage_update', used: 1, size: 2 })).toEqual({ progress: true, contextTokens: 1 })
  const update = { sessionUpdate: 'usage_update', cost: { amount: 0.5, currency: 'USD' } }
  expect(read(update)).toEqual({ progress: true, costUsd: 0.5 })
})

test('remembers a bounded number of calls', () => {
  const reader = createUpdateReader('/w')
  for (let i = 0; i < 5_000; i++) reader.read({ sessionUpdate: 'tool_call', toolCallId: `t${i}` })
  expect(reader.toolsRunning()).toBe(500)
})
