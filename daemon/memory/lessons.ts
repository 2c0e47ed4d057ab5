import { z } from 'zod'
import { isFault } from '../../core/fault.ts'
import type { Brain } from '../brain/brain.ts'
import type { Prompts } from '../prompts/prompts.ts'

export interface LessonWriter {
  /** What is worth knowing the next time, as Markdown; null where there is nothing. Without a brain, the troubles as they were. */
  write(
    input: { goalId: string; goalText: string; troubles: readonly string[] },
    signal: AbortSignal,
  ): Promise<string | null>
}

const LESSONS_MAX = 6
const CHARS_MAX = 600

const WireLessons = z.object({
  lessons: z
    .array(z.object({ title: z.string().describe('A few words'), text: z.string().describe('One to three sentences') }))
    .describe('At most six; an empty list where nothing is worth knowing the next time'),
})

/** Words for what went wrong: a brain's where there is one that answers, else plain ones. Nothing ever waits for them. */
export function createLessonWriter({
  brain,
  prompts,
}: {
  brain: Brain | null
  prompts: Pick<Prompts, 'lessons'>
}): LessonWriter {
  return {
    async write({ goalId, goalText, troubles }, signal) {
      if (troubles.length === 0) return null
      const record = troubles.map((trouble) => `- ${trouble}`).join('\n')
      if (!brain) return record
      try {
        const question = { purpose: 'lessons' as const, goalId, ...prompts.lessons({ goalText, record }) }
        const { value } = await brain.ask({ ...question, schema: WireLessons }, signal)
        const lines = value.lessons
          .slice(0, LESSONS_MAX)
          .map(({ title, text }) => `- **${plain(title)}** ${plain(text)}`)
        return lines.length > 0 ? lines.join('\n') : null
      } catch (error) {
        if (!isFault(error)) throw error
        return record
      }
    },
  }
}

function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, CHARS_MAX)
}
