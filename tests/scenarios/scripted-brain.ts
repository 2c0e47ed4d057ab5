import { onTestFinished } from 'vitest'
import type { PlanDraft } from '../../core/plan.ts'
import type { Answer } from '../model-server/exchange.ts'
import { type ModelServer, startModelServer } from '../model-server/model-server.ts'
import type { RoomOptions } from './daemon-room.ts'

/**
 * A planner that answers with one after the other, the last one again and again, and the daemon's options
 * that make it the brain. `server.requests` shows what it was asked.
 */
export async function aBrain(
  ...answers: (PlanDraft | Answer)[]
): Promise<{ server: ModelServer; options: RoomOptions }> {
  let asked = 0
  const server = await startModelServer({
    script: () => {
      const answer = answers[Math.min(asked++, answers.length - 1)]!
      if (!('tasks' in answer && 'summary' in answer)) return answer as Answer
      // On the wire every key is there.
      return { json: { ...answer, tasks: answer.tasks.map((task) => ({ act: null, ...task })) } }
    },
  })
  onTestFinished(() => server[Symbol.asyncDispose]())
  const model = { provider: 'openai-chat', model: 'scripted-model', baseUrl: `${server.url}/v1`, key: 'env:BRAIN_KEY' }
  return { server, options: { config: { brain: { model, review: false } }, env: { BRAIN_KEY: 'not-a-key' } } }
}

/** What the brain was told in its nth question. */
export function told(server: ModelServer, nth: number): string {
  const asked = server.requests.filter((one) => one.request !== null)
  return JSON.stringify(asked.at(nth)?.request?.messages ?? null)
}
