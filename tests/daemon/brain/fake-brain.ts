import type { z } from 'zod'
import { askUntilFits } from '../../../daemon/brain/answer.ts'
import type { Brain, Question } from '../../../daemon/brain/brain.ts'
import { wireSchema } from '../../../daemon/brain/wire-schema.ts'

export interface FakeBrain extends Brain {
  readonly asked: Pick<Question<unknown>, 'purpose' | 'system' | 'prompt'>[]
}

/** Gives the answers in turn, through the same two rounds as the real ones; an Error is thrown. */
export function createFakeBrain(...answers: unknown[]): FakeBrain {
  const asked: FakeBrain['asked'] = []
  return {
    name: 'fake brain',
    asked,
    ask<T>(question: { purpose: Question<T>['purpose']; system: string; prompt: string; schema: z.ZodType<T> }) {
      wireSchema(question.schema)
      return askUntilFits('fake brain', question.schema, async (repair) => {
        asked.push({ purpose: question.purpose, system: question.system, prompt: repair?.complaint ?? question.prompt })
        if (answers.length === 0) throw new Error('asked more often than there are answers')
        const answer = answers.shift()
        if (answer instanceof Error) throw answer
        const usage = { inputTokens: 10, cachedTokens: 0, outputTokens: 5, usd: null }
        return { text: JSON.stringify(answer), cutOff: false, usage }
      })
    },
  }
}
