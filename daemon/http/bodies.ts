/** What clients send. Unknown keys are refused everywhere: a misspelt one must not be lost in silence. */
import { z } from 'zod'
import { CostBy } from '../../core/spend.ts'
import { LISTED_DEFAULT, LISTED_MAX, NewGoal } from '../goals/goals.ts'

/** A new goal; a plan may come ready (`plan`) or as the text of a plan file (`planFile`). */
export const NewGoalBody = NewGoal.extend({
  planFile: z
    .strictObject({
      name: z.string().min(1).max(4096).describe('What to call it in a complaint.'),
      text: z.string().max(4_000_000).describe('The YAML itself.'),
    })
    .nullable()
    .default(null),
})

const count = (max: number) => z.coerce.number().int().min(0).max(max)

export const GoalListQuery = z.strictObject({
  state: z.enum(['open', 'ended', 'all']).default('all').describe('Which goals.'),
  limit: count(LISTED_MAX).min(1).default(LISTED_DEFAULT).describe('Goals in one answer, newest first.'),
  before: count(Number.MAX_SAFE_INTEGER).optional().describe('Only goals with a lower number: the next page.'),
})

const words = z.string().trim().min(1, 'words are needed').max(100_000)

export const SteerBody = z.strictObject({ text: words.describe('What to do besides, in plain words.') })

export const RejectBody = z.strictObject({
  comment: words.describe('What is wrong; it becomes feedback to a new run.'),
})

export const BackupBody = z.strictObject({
  file: z.string().min(1).max(4096).nullable().default(null).describe('Where to, absolute; null: into the home.'),
  withSecrets: z.boolean().default(false).describe('Whether secrets and logins go in as well.'),
})

export const CostQuery = z.strictObject({
  by: CostBy.optional().describe('What the sums are by; without it goals, and of one goal its tasks.'),
  goal: z.string().min(1).optional().describe('Only what was spent on this goal: number or id.'),
})

export const DoctorBody = z.strictObject({
  online: z.boolean().default(false).describe('Also asks the providers of models whether they take the keys.'),
  fix: z.boolean().default(false).describe('Mends what is safe.'),
})

export const EmptyBody = z.strictObject({})

export const AnswerBody = z
  .strictObject({
    choice: z.string().min(1).nullable().default(null).describe('A choice’s id or an unambiguous beginning of it.'),
    text: z.string().trim().min(1).max(100_000).nullable().default(null).describe('Free text, where the ask takes it.'),
  })
  .refine(({ choice, text }) => choice !== null || text !== null, 'an answer needs a choice or text')

export const EventsQuery = z.strictObject({
  after: count(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Only events with a higher id. Without it a page starts at the first, a stream at what comes next.'),
  limit: count(1000).min(1).default(200).describe('Events in one page; a stream takes no notice.'),
  goal: z.string().min(1).optional().describe('Only events of this goal: number or id.'),
})

export const NewTokenBody = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes')
    .describe('Where it is used, for the record: `laptop`.'),
  scope: z.enum(['read', 'act']).default('act').describe('read: what changes nothing; act: everything.'),
  days: z.int().min(1).max(3650).nullable().default(null).describe('How long it lasts; null: until it is revoked.'),
})
