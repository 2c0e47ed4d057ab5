/**
 * Has a change read by a model that did not write it.
 *
 * The reviewer sees the contract, the diff and what the daemon itself ran, never the agent's words.
 * It finds; commands decide: a finding can send work back or ask the owner, it can never make a
 * failed check pass. A finding without a usable class is put to the owner.
 */
import { z } from 'zod'
import { isFault } from '../../core/fault.ts'
import type { Review, ReviewFinding } from '../../core/proof.ts'
import type { Brain } from '../brain/brain.ts'
import type { Prompts, ReviewTask } from '../prompts/prompts.ts'

export interface Reviewer {
  /** Null where there is no brain to ask. Faults: those of the brain, except brain_missing. */
  review(input: ReviewTask & { goalId?: string }, signal?: AbortSignal): Promise<Review | null>
}

const FINDINGS_MAX = 20
const DETAIL_MAX = 2_000
const SUMMARY_MAX = 2_000

const WireReview = z.object({
  summary: z.string().describe('One to three sentences'),
  findings: z.array(
    z.object({
      class: z.string().nullable().describe('fix, ask or note'),
      path: z
        .string()
        .nullable()
        .describe('The file, relative to the repository; null where it is about no single file'),
      detail: z.string().describe('What is wrong, when it shows, what would be right'),
    }),
  ),
})

/** fix first: what is capped is what matters least. */
const WEIGHT = { fix: 0, ask: 1, note: 2 } as const satisfies Record<ReviewFinding['class'], number>

export function createReviewer(deps: { brain: Brain | null; prompts: Pick<Prompts, 'review'> }): Reviewer {
  const { brain, prompts } = deps
  return {
    async review(input, signal) {
      if (!brain) return null
      try {
        const { goalId } = input
        const question = { purpose: 'review' as const, goalId, ...prompts.review(input), schema: WireReview }
        const { value } = await brain.ask(question, signal)
        return { reviewer: brain.name, summary: clip(value.summary, SUMMARY_MAX), findings: toFindings(value.findings) }
      } catch (error) {
        if (isFault(error, 'brain_missing')) return null
        throw error
      }
    },
  }
}

function toFindings(found: z.infer<typeof WireReview>['findings']): ReviewFinding[] {
  return found
    .filter((finding) => finding.detail.trim() !== '')
    .map((finding) => ({
      class: toClass(finding.class),
      path: finding.path?.trim() || null,
      detail: clip(finding.detail.trim(), DETAIL_MAX),
    }))
    .sort((a, b) => WEIGHT[a.class] - WEIGHT[b.class])
    .slice(0, FINDINGS_MAX)
}

function toClass(said: string | null): ReviewFinding['class'] {
  const word = said?.trim().toLowerCase()
  return word === 'fix' || word === 'note' ? word : 'ask'
}

function clip(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text
}
