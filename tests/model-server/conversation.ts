import type { ModelMessage, ModelRequest } from './exchange.ts'

/**
 * Where a conversation stands, read from the conversation alone: that is what lets a script go on
 * rightly with a session that was loaded into a new process, or a server that was started anew.
 */

/** Everything that was said, the system's part first. */
export function conversationText(request: ModelRequest): string {
  return [request.system, ...request.messages.map(messageText)].join('\n')
}

function messageText({ text, toolCalls, toolResults }: ModelMessage): string {
  const calls = toolCalls.map((call) => `${call.name} ${JSON.stringify(call.args)}`)
  return [text, ...calls, ...toolResults.map((result) => result.text)].join('\n')
}

/** What the person (or the program in their place) said last, without what the agent put beside it. */
export function lastUserText(request: ModelRequest): string {
  return withoutInjections(request.messages.findLast(isSpoken)?.text ?? '')
}

/** Tool calls since the latest prompt, or the latest that matches: how far a piece of work has come. */
export function stepsTaken(request: ModelRequest, since?: RegExp): number {
  const isStart = (message: ModelMessage) => isSpoken(message) && (!since || message.text.search(since) >= 0)
  const from = request.messages.findLastIndex(isStart) + 1
  return request.messages.slice(from).reduce((sum, message) => sum + message.toolCalls.length, 0)
}

/**
 * Agents speak in the user's name: reminders (Claude, Qwen), the environment (Codex, Gemini), the time (goose, Copilot).
 * goose even puts a message of its own between a tool's result and the next call. None of it is a new prompt.
 */
function isSpoken(message: ModelMessage): boolean {
  return message.role === 'user' && message.toolResults.length === 0 && withoutInjections(message.text) !== ''
}

const INJECTED_TAGS = [
  'system-reminder',
  'environment_context',
  'user_instructions',
  'permissions',
  'info-msg',
  'session_context',
  'current_datetime',
]

function withoutInjections(text: string): string {
  return INJECTED_TAGS.reduce(
    (left, tag) => left.replaceAll(new RegExp(`<${tag}(?: [^>]*)?>[\\s\\S]*?</${tag}[^>]*>`, 'g'), ''),
    text,
  ).trim()
}

/** The directory the agent says it works in; agents whose tools want absolute paths say so somewhere. */
export function workingDirectory(request: ModelRequest): string | undefined {
  const said = conversationText(request)
  for (const pattern of DIRECTORY_PATTERNS) {
    const found = pattern.exec(said)?.[1]?.trim()
    if (found?.startsWith('/')) return found.replace(/[.`'"]+$/, '')
  }
  return undefined
}

const DIRECTORY_PATTERNS = [
  /(?:primary |current )?working directory(?: is)?:? *[`'"]?(\/[^\n<`'"]+)/i,
  /<cwd>([^<]+)<\/cwd>/,
  /Workspace Directories:\W+- (\/[^\n]+)/,
  /(?:current|in the) directory(?: is)?:? *[`'"]?(\/[^\n<`'"]+)/i,
]
