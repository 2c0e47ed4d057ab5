import type { Api, ModelMessage, Reply } from './exchange.ts'
import { at, listAt, pieces, textAt, textOf } from './peek.ts'

/** Gemini's generateContent and streamGenerateContent. The model's name and the streaming stand in the path. */
export const googleApi: Api = {
  name: 'google',
  read(body, context) {
    const messages = listAt(body, 'contents').map(readContent)
    const jsonSchema =
      at(body, 'generationConfig', 'responseJsonSchema') ?? at(body, 'generationConfig', 'responseSchema')
    return {
      api: 'google',
      ...context,
      system: textOf(at(body, 'systemInstruction', 'parts') ?? ''),
      messages,
      tools: listAt(body, 'tools')
        .flatMap((tool) => listAt(tool, 'functionDeclarations'))
        .map((tool) => ({
          name: textAt(tool, 'name'),
          description: textAt(tool, 'description'),
          schema: at(tool, 'parametersJsonSchema') ?? at(tool, 'parameters'),
        })),
      ...(jsonSchema === undefined ? {} : { jsonSchema }),
      turnIndex: messages.filter((message) => message.role === 'assistant').length,
    }
  },
  whole: (reply) => chunk(reply, [...parts(reply, [reply.thinking], [reply.text])], true),
  events(reply) {
    const all = parts(reply, pieces(reply.thinking), pieces(reply.text))
    return all.length === 0
      ? [{ data: chunk(reply, [], true) }]
      : all.map((part, index) => ({ data: chunk(reply, [part], index === all.length - 1) }))
  },
  error: (status, message) => ({ error: { code: status, message, status: STATUSES[status] ?? 'INTERNAL' } }),
}

const STATUSES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  529: 'UNAVAILABLE',
}

function parts(reply: Reply, thoughts: string[], texts: string[]): object[] {
  return [
    ...thoughts.filter((text) => text !== '').map((text) => ({ text, thought: true })),
    ...texts.filter((text) => text !== '').map((text) => ({ text })),
    ...reply.calls.map(({ id, name, args }) => ({ functionCall: { id, name, args } })),
  ]
}

const chunk = (reply: Reply, content: object[], isLast: boolean) => ({
  candidates: [{ index: 0, content: { role: 'model', parts: content }, ...(isLast ? { finishReason: 'STOP' } : {}) }],
  usageMetadata: {
    promptTokenCount: reply.usage.inputTokens,
    cachedContentTokenCount: reply.usage.cachedTokens,
    candidatesTokenCount: isLast ? reply.usage.outputTokens : 0,
    totalTokenCount: reply.usage.inputTokens + (isLast ? reply.usage.outputTokens : 0),
  },
  modelVersion: reply.model,
  responseId: reply.id,
})

function readContent(content: unknown): ModelMessage {
  const inside = listAt(content, 'parts')
  const having = (key: string) => inside.filter((part) => at(part, key) !== undefined)
  return {
    role: textAt(content, 'role') === 'model' ? 'assistant' : 'user',
    text: textOf(inside.filter((part) => at(part, 'thought') !== true)),
    toolCalls: having('functionCall').map((part) => ({
      id: textAt(part, 'functionCall', 'id'),
      name: textAt(part, 'functionCall', 'name'),
      args: at(part, 'functionCall', 'args'),
    })),
    toolResults: having('functionResponse').map((part) => ({
      id: textAt(part, 'functionResponse', 'id'),
      text: JSON.stringify(at(part, 'functionResponse', 'response')),
    })),
  }
}
