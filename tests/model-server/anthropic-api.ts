import type { Api, ModelMessage, Reply, ServerEvent } from './exchange.ts'
import { at, listAt, pieces, textAt, textOf } from './peek.ts'

/** Anthropic Messages. */
export const anthropicApi: Api = {
  name: 'anthropic',
  read(body, context) {
    // Claude Code tells its environment in a `system` message among the others.
    const isSystem = (message: unknown) => at(message, 'role') === 'system'
    const sent = listAt(body, 'messages')
    const messages = sent.filter((message) => !isSystem(message)).map(readMessage)
    const all = listAt(body, 'tools')
      // Tools that the provider itself runs (web search) have no schema and are none of ours.
      .filter((tool) => at(tool, 'input_schema') !== undefined)
      .map((tool) => ({
        name: textAt(tool, 'name'),
        description: textAt(tool, 'description'),
        schema: at(tool, 'input_schema'),
      }))
    const forced = forcedTool(body)
    const tools = all.filter((tool) => tool.name !== forced)
    const jsonSchema =
      at(body, 'output_config', 'format', 'schema') ??
      at(body, 'output_format', 'schema') ??
      all.find((tool) => tool.name === forced)?.schema
    return {
      api: 'anthropic',
      ...context,
      model: textAt(body, 'model'),
      system: [at(body, 'system'), ...sent.filter(isSystem).map((message) => at(message, 'content'))]
        .map(textOf)
        .filter((text) => text !== '')
        .join('\n'),
      messages,
      tools,
      ...(jsonSchema === undefined ? {} : { jsonSchema }),
      ...(forced === '' ? {} : { jsonTool: forced }),
      turnIndex: messages.filter((message) => message.role === 'assistant').length,
    }
  },
  whole: (reply) => ({
    ...envelope(reply),
    content: blocks(reply),
    stop_reason: stopReason(reply),
    usage: usageOf(reply),
  }),
  events(reply) {
    const events: ServerEvent[] = []
    const add = (data: { type: string } & Record<string, unknown>) => events.push({ event: data.type, data })
    add({
      type: 'message_start',
      message: { ...envelope(reply), content: [], stop_reason: null, usage: { ...usageOf(reply), output_tokens: 0 } },
    })
    for (const [index, block] of blocks(reply).entries()) {
      add({ type: 'content_block_start', index, content_block: emptied(block) })
      for (const delta of deltas(block)) add({ type: 'content_block_delta', index, delta })
      add({ type: 'content_block_stop', index })
    }
    add({
      type: 'message_delta',
      delta: { stop_reason: stopReason(reply), stop_sequence: null },
      usage: { output_tokens: reply.usage.outputTokens },
    })
    add({ type: 'message_stop' })
    return events
  },
  error: (status, message) => ({ type: 'error', error: { type: ERROR_TYPES[status] ?? 'api_error', message } }),
}

/** Older models answer structured questions through a tool: one that is named, or the AI SDK's `json` among others. */
function forcedTool(body: unknown): string {
  const choice = at(body, 'tool_choice', 'type')
  if (choice === 'tool') return textAt(body, 'tool_choice', 'name')
  const isJson = listAt(body, 'tools').some((tool) => at(tool, 'name') === 'json')
  return choice === 'any' && isJson ? 'json' : ''
}

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

type Block =
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'text'; text: string }
  | { type: 'tool_use'; id: string; name: string; input: unknown }

function blocks(reply: Reply): Block[] {
  return [
    ...(reply.thinking === '' ? [] : [{ type: 'thinking' as const, thinking: reply.thinking, signature: 'scripted' }]),
    ...(reply.text === '' ? [] : [{ type: 'text' as const, text: reply.text }]),
    ...reply.calls.map(({ id, name, args }) => ({ type: 'tool_use' as const, id, name, input: args })),
  ]
}

function emptied(block: Block): Block {
  if (block.type === 'text') return { ...block, text: '' }
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' }
  return { ...block, input: {} }
}

function deltas(block: Block): object[] {
  if (block.type === 'text') return pieces(block.text).map((text) => ({ type: 'text_delta', text }))
  if (block.type === 'tool_use')
    return pieces(JSON.stringify(block.input)).map((partial_json) => ({ type: 'input_json_delta', partial_json }))
  return [
    ...pieces(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
    { type: 'signature_delta', signature: block.signature },
  ]
}

const envelope = (reply: Reply) => ({
  id: `msg_${reply.id}`,
  type: 'message',
  role: 'assistant',
  model: reply.model,
  stop_sequence: null,
})

const stopReason = (reply: Reply) => (reply.calls.length > 0 ? 'tool_use' : 'end_turn')

const usageOf = ({ usage }: Reply) => ({
  input_tokens: usage.inputTokens - usage.cachedTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: usage.cachedTokens,
  output_tokens: usage.outputTokens,
})

function readMessage(message: unknown): ModelMessage {
  const content = at(message, 'content')
  const role = textAt(message, 'role') === 'assistant' ? 'assistant' : 'user'
  if (!Array.isArray(content)) return { role, text: textOf(content), toolCalls: [], toolResults: [] }
  const ofType = (type: string) => content.filter((block) => at(block, 'type') === type)
  return {
    role,
    text: textOf(ofType('text')),
    toolCalls: ofType('tool_use').map((block) => ({
      id: textAt(block, 'id'),
      name: textAt(block, 'name'),
      args: at(block, 'input'),
    })),
    toolResults: ofType('tool_result').map((block) => ({
      id: textAt(block, 'tool_use_id'),
      text: textOf(at(block, 'content')),
    })),
  }
}
