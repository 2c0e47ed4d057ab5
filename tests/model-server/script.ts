import { conversationText, lastUserText, stepsTaken } from './conversation.ts'
import type { Answer, ModelRequest, Script, Step } from './exchange.ts'

/**
 * The words that tests write scripts in. A script without `times` keeps nothing between requests.
 */

/** The first that has an answer. */
export function firstOf(scripts: readonly Script[]): Script {
  return async (request) => {
    for (const script of scripts) {
      const answer = await script(request)
      if (answer) return answer
    }
    return undefined
  }
}

/** Answers where the predicate holds, or where the regular expression is found anywhere in the conversation. */
export function when(condition: RegExp | ((request: ModelRequest) => boolean), then: Answer | Script): Script {
  const holds =
    condition instanceof RegExp ? (request: ModelRequest) => has(conversationText(request), condition) : condition
  return (request) => (holds(request) ? answerWith(then, request) : undefined)
}

/** For `when`: the latest prompt says so. What agents put into the user's mouth does not count. */
export function prompted(pattern: RegExp): (request: ModelRequest) => boolean {
  return (request) => has(lastUserText(request), pattern)
}

/** For `when`: a structured answer is asked for. */
export function wantsJson(request: ModelRequest): boolean {
  return request.jsonSchema !== undefined
}

/** The first `count` requests that get here; later ones go on to the next script. It counts, so make a new one per server. */
export function times(count: number, then: Answer | Script): Script {
  let left = count
  return (request) => (left-- > 0 ? answerWith(then, request) : undefined)
}

/** Always the same words. */
export function say(text: string): Script {
  return () => ({ say: text })
}

/**
 * A piece of work: one tool call per answer, then the last words. Where it stands is the number of
 * tool calls since the latest prompt, or, with `since`, the latest prompt that matches: then a session that
 * was killed, loaded and told to go on continues with the step it had come to.
 * Words in front of a call are said together with it. A caller that offers no tools (a session's title
 * is wanted, say) gets the last words at once.
 */
export function work(steps: readonly Step[], { since }: { since?: RegExp } = {}): Script {
  const { turns, last } = intoTurns(steps)
  return (request) => {
    const next = request.tools.length > 0 ? turns[stepsTaken(request, since)] : undefined
    return next ? { tools: next } : { say: last }
  }
}

function intoTurns(steps: readonly Step[]): { turns: Step[][]; last: string } {
  const turns: Step[][] = []
  let open: Step[] = []
  for (const step of steps) {
    open.push(step)
    if ('say' in step) continue
    turns.push(open)
    open = []
  }
  const words = open.flatMap((step) => ('say' in step ? [step.say] : []))
  return { turns, last: words.length > 0 ? words.join('\n') : 'Done.' }
}

function answerWith(then: Answer | Script, request: ModelRequest) {
  return typeof then === 'function' ? then(request) : then
}

/** `test` of a global expression remembers where it stopped; `search` does not. */
function has(text: string, pattern: RegExp): boolean {
  return text.search(pattern) >= 0
}
