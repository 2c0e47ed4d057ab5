import type { Api, ModelMessage, OfferedTool, Reply, ServerEvent, ToolCall } from './exchange.ts'
import { openaiError } from './openai-error.ts'
import { at, listAt, parsed, pieces, textAt, textOf } from './peek.ts'

/** OpenAI Responses: the conversation is a flat list of items, and every answer is one too. */
export const openaiResponsesApi: Api = {
  name: 'openai-responses',
  read(body, context) {
    const input = at(body, 'input')
    const items = typeof input === 'string' ? [{ role: 'user', content: input }] : listAt(body, 'input')
    const isSystem = (item: unknown) => ['system', 'developer'].includes(textAt(item, 'role'))
    const messages = items.filter((item) => !isSystem(item)).reduce(addItem, [])
    const jsonSchema = at(body, 'text', 'format', 'schema')
    return {
      api: 'openai-responses',
      ...context,
      model: textAt(body, 'model'),
      system: [textAt(body, 'instructions'), ...items.filter(isSystem).map((item) => textOf(at(item, 'content')))]
        .filter((text) => text !== '')
        .join('\n'),
      messages,
      tools: listAt(body, 'tools').flatMap((tool) => readTool(tool)),
      ...(jsonSchema === undefined ? {} : { jsonSchema }),
      turnIndex: messages.filter((message) => message.role === 'assistant').length,
    }
  },
  whole: (reply) => response(reply, 'completed', itemsOf(reply)),
  events(reply) {
    const events: ServerEvent[] = []
    const add = (type: string, fields: object) =>
      events.push({ event: type, data: { type, sequence_number: events.length, ...fields } })
    add('response.created', { response: response(reply, 'in_progress', []) })
    add('response.in_progress', { response: response(reply, 'in_progress', []) })
    for (const [output_index, item] of itemsOf(reply).entries()) {
      const here = { output_index, item_id: item.id }
      add('response.output_item.added', { output_index, item: { ...item, ...EMPTY[item.type], status: 'in_progress' } })
      for (const [type, fields] of inside(item)) add(type, { ...here, ...fields })
      add('response.output_item.done', { output_index, item })
    }
    add('response.completed', { response: response(reply, 'completed', itemsOf(reply)) })
    return events
  },
  error: openaiError,
}

type Item = { id: string; status: string } & (
  | { type: 'reasoning'; summary: { type: 'summary_text'; text: string }[] }
  | { type: 'message'; role: 'assistant'; content: { type: 'output_text'; text: string; annotations: [] }[] }
  | { type: 'function_call'; call_id: string; name: string; arguments: string; namespace?: string }
  | { type: 'custom_tool_call'; call_id: string; name: string; input: string }
)

/** What of an item is still missing when it is announced. */
const EMPTY: Record<Item['type'], object> = {
  reasoning: { summary: [] },
  message: { content: [] },
  function_call: { arguments: '' },
  custom_tool_call: { input: '' },
}

function itemsOf(reply: Reply): Item[] {
  const items: Item[] = []
  const status = 'completed'
  if (reply.thinking !== '')
    items.push({
      type: 'reasoning',
      id: `rs_${reply.id}`,
      status,
      summary: [{ type: 'summary_text', text: reply.thinking }],
    })
  if (reply.text !== '')
    items.push({
      type: 'message',
      id: `msg_${reply.id}`,
      status,
      role: 'assistant',
      content: [{ type: 'output_text', text: reply.text, annotations: [] }],
    })
  for (const { id, name, namespace, args, freeForm } of reply.calls)
    items.push(
      freeForm
        ? { type: 'custom_tool_call', id: `ctc_${id}`, status, call_id: id, name, input: String(args) }
        : {
            type: 'function_call',
            id: `fc_${id}`,
            status,
            call_id: id,
            name,
            ...(namespace === undefined ? {} : { namespace }),
            arguments: JSON.stringify(args),
          },
    )
  return items
}

/** The events between an item's announcement and its end. */
function inside(item: Item): [type: string, fields: object][] {
  if (item.type === 'message') {
    const text = item.content[0]?.text ?? ''
    const part = { content_index: 0, part: { type: 'output_text', text: '', annotations: [] } }
    return [
      ['response.content_part.added', part],
      ...pieces(text).map((delta): [string, object] => [
        'response.output_text.delta',
        { content_index: 0, delta, logprobs: [] },
      ]),
      ['response.output_text.done', { content_index: 0, text, logprobs: [] }],
      ['response.content_part.done', { ...part, part: { ...part.part, text } }],
    ]
  }
  if (item.type === 'reasoning') {
    const text = item.summary[0]?.text ?? ''
    const part = { summary_index: 0, part: { type: 'summary_text', text: '' } }
    return [
      ['response.reasoning_summary_part.added', part],
      ...pieces(text).map((delta): [string, object] => [
        'response.reasoning_summary_text.delta',
        { summary_index: 0, delta },
      ]),
      ['response.reasoning_summary_text.done', { summary_index: 0, text }],
      ['response.reasoning_summary_part.done', { ...part, part: { ...part.part, text } }],
    ]
  }
  if (item.type === 'custom_tool_call')
    return [
      ...pieces(item.input).map((delta): [string, object] => ['response.custom_tool_call_input.delta', { delta }]),
      ['response.custom_tool_call_input.done', { input: item.input }],
    ]
  return [
    ...pieces(item.arguments).map((delta): [string, object] => ['response.function_call_arguments.delta', { delta }]),
    ['response.function_call_arguments.done', { arguments: item.arguments, name: item.name }],
  ]
}

const response = (reply: Reply, status: string, output: Item[]) => ({
  id: `resp_${reply.id}`,
  object: 'response',
  created_at: 0,
  status,
  model: reply.model,
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  parallel_tool_calls: false,
  tools: [],
  output,
  usage:
    status === 'completed'
      ? {
          input_tokens: reply.usage.inputTokens,
          input_tokens_details: { cached_tokens: reply.usage.cachedTokens },
          output_tokens: reply.usage.outputTokens,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: reply.usage.inputTokens + reply.usage.outputTokens,
        }
      : null,
})

/** Web search and other tools that the provider runs have no schema; they are left out. */
function readTool(tool: unknown, namespace?: string): OfferedTool[] {
  const name = textAt(tool, 'name')
  const description = textAt(tool, 'description')
  const kind = at(tool, 'type')
  if (kind === 'namespace') return listAt(tool, 'tools').flatMap((inner) => readTool(inner, name))
  if (kind === 'custom') return [{ name, description, schema: undefined, freeForm: true }]
  if (kind !== 'function') return []
  return [{ name, description, schema: at(tool, 'parameters'), ...(namespace === undefined ? {} : { namespace }) }]
}

/** Folds the flat list into messages: what the model said together is one, and so are results in a row. */
function addItem(messages: ModelMessage[], item: unknown): ModelMessage[] {
  const last = messages.at(-1)
  const kind = textAt(item, 'type')
  if (kind.endsWith('_call_output')) {
    const result = { id: textAt(item, 'call_id'), text: textOf(at(item, 'output')) }
    if (last && last.toolResults.length > 0)
      return messages.with(-1, { ...last, toolResults: [...last.toolResults, result] })
    return [...messages, { role: 'user', text: '', toolCalls: [], toolResults: [result] }]
  }
  const call = readCall(item)
  if (call === undefined && textAt(item, 'role') !== 'assistant') {
    if (textAt(item, 'role') === '') return messages
    return [...messages, { role: 'user', text: textOf(at(item, 'content')), toolCalls: [], toolResults: [] }]
  }
  const text = call === undefined ? textOf(at(item, 'content')) : ''
  const toolCalls = call === undefined ? [] : [call]
  if (last?.role !== 'assistant') return [...messages, { role: 'assistant', text, toolCalls, toolResults: [] }]
  return messages.with(-1, { ...last, text: last.text + text, toolCalls: [...last.toolCalls, ...toolCalls] })
}

function readCall(item: unknown): ToolCall | undefined {
  const id = textAt(item, 'call_id')
  const name = textAt(item, 'name')
  if (at(item, 'type') === 'function_call') return { id, name, args: parsed(textAt(item, 'arguments')) }
  if (at(item, 'type') === 'custom_tool_call') return { id, name, args: textAt(item, 'input') }
  return undefined
}
