/** Which tools a brain is given in a conversation, by the role of whoever speaks, and how one is called. */
import { z } from 'zod'
import { isFault } from '../../core/fault.ts'
import type { Role } from '../../core/person.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { OwnerContext } from '../../tools/context.ts'
import { OWNER_TOOLS } from '../../tools/index.ts'
import { type AnyTool, PersonNeeded, type ToolCall } from '../../tools/tool.ts'

export type ChatTool = AnyTool<'owner'>

const FOR_GUESTS = ['list_goals', 'show_goal', 'show_status']
const FOR_MEMBERS = [
  ...FOR_GUESTS,
  'add_goal',
  'steer_goal',
  'pause_goal',
  'resume_goal',
  'cancel_goal',
  'show_plan',
  'show_task',
  'show_proof',
  'review_work',
  'show_report',
  'list_inbox',
  'answer_ask',
]
/** A chat waits for nothing: what happens later is told by itself. */
const NOT_IN_A_CHAT = ['watch_goal']

export function toolsFor(role: Role, hasMemory: boolean): ChatTool[] {
  return OWNER_TOOLS.filter((tool) => {
    if (NOT_IN_A_CHAT.includes(tool.name) || (tool.needs === 'memory' && !hasMemory)) return false
    if (role === 'owner') return true
    return (role === 'member' ? FOR_MEMBERS : FOR_GUESTS).includes(tool.name)
  })
}

/** For the model: name, words, schema. Keys that only programs use are left out. */
export function describeTools(tools: readonly ChatTool[]): string {
  return tools
    .map((tool) => {
      const {
        $schema: _,
        additionalProperties: __,
        ...schema
      } = z.toJSONSchema(tool.input, {
        io: 'input',
        unrepresentable: 'any',
        reused: 'inline',
      }) as { properties?: Record<string, unknown>; [key: string]: unknown }
      const { plan: _plan, key: _key, ...properties } = schema.properties ?? {}
      return `## ${tool.name}\n${tool.description}\nInput: ${JSON.stringify({ ...schema, properties })}`
    })
    .join('\n\n')
}

export interface ToolResult {
  isError: boolean
  text: string
}

const RESULT_MAX = 12_000

/** Runs a tool with a brain's input. What is expected to fail comes back in words; a bug is thrown. */
export async function callTool(
  tool: ChatTool,
  input: unknown,
  context: OwnerContext,
  call: Pick<ToolCall, 'signal' | 'clock' | 'by'>,
): Promise<ToolResult> {
  const read = tool.input.safeParse(input)
  if (!read.success) {
    const issues = read.error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`)
    return { isError: true, text: `The input does not fit: ${issues.join('; ')}` }
  }
  try {
    const result: unknown = await tool.run(read.data, context, {
      ...call,
      progress: async () => {},
      canAskPerson: false,
      person: undefined,
    })
    if (result instanceof PersonNeeded) return { isError: true, text: 'This needs an answer of the person: ask them.' }
    return { isError: false, text: clip(tool.text(tool.output.parse(result))) }
  } catch (error) {
    if (!isFault(error) || error.code === 'store_broken' || error.code === 'disk_full') throw error
    return { isError: true, text: `${error.message}.${error.hint ? ` ${error.hint}` : ''} (${error.code})` }
  }
}

/** What a call would do, in one line for whoever has to confirm it. */
export function wordsOfCall(tool: Pick<ChatTool, 'title'>, input: unknown): string {
  const pairs = Object.entries((input ?? {}) as Record<string, unknown>).map(
    ([key, value]) => `${key}: ${oneLine(typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 300)}`,
  )
  return `${tool.title}${pairs.length > 0 ? ` (${pairs.join(', ')})` : ''}`
}

function clip(text: string): string {
  return text.length <= RESULT_MAX
    ? text
    : `${text.slice(0, RESULT_MAX)}\n[… ${text.length - RESULT_MAX} characters left out]`
}
