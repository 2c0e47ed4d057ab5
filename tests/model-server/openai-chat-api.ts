import type { Api, ModelMessage, Reply, ServerEvent } from './exchange.ts'
import { openaiError } from './openai-error.ts'
import { at, listAt, parsed, pieces, textAt, textOf } from './peek.ts'

/** OpenAI Chat Completions, as OpenAI and everybody who copied it speak it. */
export const openaiChatApi: Api = {
  name: 'openai-chat',
  read(body, context) {
    const sent = listAt(body, 'messages')
    const isSystem = (message: unknown) => ['system', 'developer'].includes(textAt(message, 'role'))
    const messages = sent.filter((message) => !isSystem(message)).reduce(addMessage, [])
    const jsonSchema = at(body, 'response_format', 'json_schema', 'schema')
    return {
      api: 'openai-chat',
      ...context,
      model: textAt(body, 'model'),
      system: sent
        .filter(isSystem)
        .map((message) => textOf(at(message, 'content')))
        .join('\n'),
      messages,
      tools: listAt(body, 'tools').map((tool) => ({
        name: textAt(tool, 'function', 'name'),
        description: textAt(tool, 'function', 'description'),
        schema: at(tool, 'function', 'parameters'),
      })),
      ...(jsonSchema === undefined ? {} : { jsonSchema }),
      turnIndex: messages.filter((message) => message.role === 'assistant').length,
    }
  },
  whole: (reply) => ({
    ...envelope(reply, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: reply.text === '' ? null : reply.text,
          ...(reply.thinking === '' ? {} : { reasoning_content: reply.thinking }),
          ...(reply.calls.length === 0 ? {} : { tool_calls: reply.calls.map(callOf) }),
        },
        finish_reason: finishReason(reply),
      },
    ],
    usage: usageOf(reply),
  }),
  events(reply) {
    const chunk = (delta: object, finish_reason: string | null = null): ServerEvent => ({
      data: { ...envelope(reply, 'chat.completion.chunk'), choices: [{ index: 0, delta, finish_reason }] },
    })
    return [
      chunk({ role: 'assistant', content: '' }),
      ...pieces(reply.thinking).map((reasoning_content) => chunk({ reasoning_content })),
      ...pieces(reply.text).map((content) => chunk({ content })),
      ...reply.calls.flatMap((call, index) => {
        const { function: made, ...rest } = callOf(call)
        return [
          chunk({ tool_calls: [{ index, ...rest, function: { name: made.name, arguments: '' } }] }),
          ...pieces(made.arguments).map((part) => chunk({ tool_calls: [{ index, function: { arguments: part } }] })),
        ]
      }),
      chunk({}, finishReason(reply)),
      { data: { ...envelope(reply, 'chat.completion.chunk'), choices: [], usage: usageOf(reply) } },
    ]
  },
  ending: '[DONE]',
  error: openaiError,
}

const envelope = (reply: Reply, object: string) => ({
  id: `chatcmpl-${reply.id}`,
  object,
  created: 0,
  model: reply.model,
})

const finishReason = (reply: Reply) => (reply.calls.length > 0 ? 'tool_calls' : 'stop')

const callOf = (call: Reply['calls'][number]) => ({
  id: call.id,
  type: 'function',
  function: { name: call.name, arguments: JSON.stringify(call.args) },
})

const usageOf = ({ usage }: Reply) => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedTokens },
})

/** Results of several calls come as several messages; here they are one. */
function addMessage(messages: ModelMessage[], message: unknown): ModelMessage[] {
  const text = textOf(at(message, 'content'))
  if (textAt(message, 'role') !== 'tool') {
    const role = textAt(message, 'role') === 'assistant' ? 'assistant' : 'user'
    const toolCalls = listAt(message, 'tool_calls').map((call) => ({
      id: textAt(call, 'id'),
      name: textAt(call, 'function', 'name'),
      args: parsed(textAt(call, 'function', 'arguments')),
    }))
    return [...messages, { role, text, toolCalls, toolResults: [] }]
  }
  const result = { id: textAt(message, 'tool_call_id'), text }
  const last = messages.at(-1)
  if (last && last.toolResults.length > 0)
    return messages.with(-1, { ...last, toolResults: [...last.toolResults, result] })
  return [...messages, { role: 'user', text: '', toolCalls: [], toolResults: [result] }]
}
