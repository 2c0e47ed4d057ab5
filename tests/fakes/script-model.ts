import { lastUserText, stepsTaken } from '../model-server/conversation.ts'
import type { Answer, Script as ModelScript, Step as ModelStep } from '../model-server/exchange.ts'
import type { Step } from './scripted-agent.ts'

/**
 * A model that makes a real agent act on the same script blocks as the scripted agent: one tool
 * call per answer, then the words. Steps that only a program can do (crash, flood) are left out.
 */
export const scriptModel: ModelScript = (request) => {
  const block = [...lastUserText(request).matchAll(/```script\s*\n([\s\S]*?)\n\s*```/g)].at(-1)?.[1]
  const steps = block === undefined ? [] : (JSON.parse(block) as Step[])
  const failure = steps.find((step) => step.do === 'error')
  if (failure) return { error: { status: statusOf(failure.message), body: { error: { message: failure.message } } } }
  const calls = steps.flatMap(toolOf)
  const next = calls[stepsTaken(request)]
  if (next) return { tools: [next] } satisfies Answer
  const words = steps.flatMap((step) => (step.do === 'say' ? [step.text] : []))
  return { say: words.join('\n') || 'done' }
}

function toolOf(step: Step): ModelStep[] {
  if (step.do === 'write') return [{ write: { path: step.path, content: step.text ?? '' } }]
  if (step.do === 'run') return [{ run: step.command }]
  return []
}

function statusOf(message = ''): number {
  return Number(/\b[45]\d\d\b/.exec(message)?.[0] ?? 400)
}
