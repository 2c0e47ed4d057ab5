import { conversationText } from './conversation.ts'
import type { Answer, ModelRequest, Reply, Step, TokenCounts } from './exchange.ts'
import { at, listAt } from './peek.ts'
import { planCall } from './tool-ways.ts'

/** What the server does about one request. Pure: no wire format, no clock. */
export type Outcome =
  | { do: 'hang' }
  | {
      do: 'refuse'
      status: number
      message: string
      body?: unknown
      headers: Record<string, string>
      delayMs: number
    }
  | { do: 'reply'; reply: Reply; cut: boolean; slowMs: number; delayMs: number }

export function errorFor(status: number, message: string): Outcome {
  return { do: 'refuse', status, message, headers: {}, delayMs: 0 }
}

/** Throws NoWayError where the script wants what the caller has no tool for. */
export function outcomeOf(answer: Answer, request: ModelRequest, id: string): Outcome {
  const delayMs = answer.delayMs ?? 0
  if (answer.hang) return { do: 'hang' }
  if (answer.error) {
    const { status, body, retryAfter, headers } = answer.error
    return {
      do: 'refuse',
      status,
      message: `scripted error ${status}`,
      ...(body === undefined ? {} : { body }),
      headers: { ...headers, ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }) },
      delayMs,
    }
  }
  const spoken = { ...answerInWords(answer, request, id), thinking: answer.thinking ?? '' }
  const usage = { ...countedUsage(request, spoken), ...answer.usage }
  const reply = { id, model: request.model, ...spoken, usage }
  return { do: 'reply', reply, cut: answer.cut === true, slowMs: answer.slowMs ?? 0, delayMs }
}

const isCall = (step: Step): step is Exclude<Step, { say: string }> => !('say' in step)

type Spoken = Pick<Reply, 'text' | 'calls'>

function answerInWords(answer: Answer, request: ModelRequest, id: string): Spoken {
  if (answer.garbage) return { text: 'I would rather tell you about my day. {"not', calls: [] }
  const steps = answer.tools ?? []
  const words = [
    ...(answer.say === undefined ? [] : [answer.say]),
    ...steps.flatMap((s) => ('say' in s ? [s.say] : [])),
  ]
  const calls = steps
    .filter((step) => isCall(step))
    .map((step, index) => ({ id: `call_${id}_${index + 1}`, ...planCall(step, request) }))
  if (request.jsonSchema === undefined || calls.length > 0)
    return { text: answer.json === undefined ? words.join('\n') : JSON.stringify(answer.json), calls }
  const json = answer.json ?? smallest(request.jsonSchema)
  if (request.jsonTool === undefined) return { text: JSON.stringify(json), calls }
  return { text: '', calls: [{ id: `call_${id}_1`, name: request.jsonTool, args: json, freeForm: false }] }
}

/** Words, as a stand-in for tokens: the same everywhere and every time. */
export function countTokens(request: ModelRequest): number {
  return countWords(conversationText(request)) + countWords(JSON.stringify(request.tools))
}

function countedUsage(request: ModelRequest, { text, calls, thinking }: Spoken & { thinking: string }): TokenCounts {
  const said = `${text} ${thinking} ${calls.map((call) => JSON.stringify(call.args)).join(' ')}`
  return { inputTokens: countTokens(request), cachedTokens: 0, outputTokens: Math.max(1, countWords(said)) }
}

function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0
}

/** The smallest value that a schema allows, for callers whose structured questions a test does not care about. */
export function smallest(schema: unknown): unknown {
  const chosen = listAt(schema, 'enum')[0] ?? at(schema, 'const') ?? at(schema, 'default')
  if (chosen !== undefined) return chosen
  const either = listAt(schema, 'anyOf')[0] ?? listAt(schema, 'oneOf')[0]
  if (either !== undefined) return smallest(either)
  const type = at(schema, 'type')
  switch (String(Array.isArray(type) ? type[0] : type).toLowerCase()) {
    case 'string':
      return 'x'.repeat(Number(at(schema, 'minLength') ?? 1))
    case 'integer':
    case 'number':
      return Number(at(schema, 'minimum') ?? 0)
    case 'boolean':
      return false
    case 'array':
      return Array.from({ length: Number(at(schema, 'minItems') ?? 0) }, () => smallest(at(schema, 'items')))
    case 'object':
      return Object.fromEntries(
        listAt(schema, 'required').map((key) => [key, smallest(at(schema, 'properties', String(key)))]),
      )
    default:
      return null
  }
}
