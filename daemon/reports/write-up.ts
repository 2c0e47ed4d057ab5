import { z } from 'zod'
import { isFault } from '../../core/fault.ts'
import type { Brain } from '../brain/brain.ts'
import type { Prompts } from '../prompts/prompts.ts'

export interface Writer {
  /** A paragraph to stand above a report; null where no brain can write one, whatever the reason: a report never waits for words. */
  writeUp(input: { goalText: string; record: string }, signal?: AbortSignal): Promise<string | null>
}

const WORDS_MAX = 3_000

const WireWriteUp = z.object({ paragraph: z.string().describe('Two to six sentences, plain words') })

export function createWriter({ brain, prompts }: { brain: Brain | null; prompts: Pick<Prompts, 'writeUp'> }): Writer {
  return {
    async writeUp(input, signal) {
      if (!brain) return null
      try {
        const question = { purpose: 'write-up' as const, ...prompts.writeUp(input), schema: WireWriteUp }
        const { value } = await brain.ask(question, signal)
        return value.paragraph.trim().slice(0, WORDS_MAX) || null
      } catch (error) {
        if (isFault(error)) return null
        throw error
      }
    },
  }
}
