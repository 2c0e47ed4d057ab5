import { z } from 'zod'
import { isFault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { Brain } from '../brain/brain.ts'
import type { Prompts } from '../prompts/prompts.ts'
import type { TimedWhen } from './moments.ts'
import { parseWhen } from './when-words.ts'

/** Reads words for a time that the grammar gave up on; undefined where nobody can. Never throws. */
export type ReadTime = (words: string, timezone: string) => Promise<TimedWhen | undefined>

/** A person waits for it. */
const ANSWER_MS_MAX = 60_000

const WireTime = z.object({
  when: z.string().nullable().describe('A cron pattern, `every N minutes`, or a moment; null: it cannot be said'),
})

/**
 * The brain says the words again in a form that the grammar reads; the grammar decides. So whatever it answers, only
 * what an owner could have written comes out, and it is a proposal: who asks shows the moments before anything is kept.
 */
export function createReadTime(deps: { brain: Brain; prompts: Pick<Prompts, 'readTime'>; world: World }): ReadTime {
  const { brain, prompts, world } = deps
  return async (words, timezone) => {
    const now = world.clock.now()
    const late = new AbortController()
    using _limit = world.clock.after(ANSWER_MS_MAX, () => late.abort(new Error('it took too long')))
    try {
      const question = { purpose: 'time' as const, ...prompts.readTime({ words, now, timezone }), schema: WireTime }
      const { value } = await brain.ask(question, late.signal)
      return value.when === null ? undefined : parseWhen(value.when, now, timezone)
    } catch (error) {
      // Without a brain, or with one that is limited or talks nonsense, the owner hears what the grammar said.
      const why = isFault(error) ? error.code : String(error)
      world.log.info({ why }, 'a time was not read by the brain')
      return undefined
    }
  }
}
