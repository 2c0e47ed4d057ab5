import { z } from 'zod'

/** A question to the owner that holds something up until it is answered. */
export const AskKind = z.enum([
  'plan-approval',
  'plan-question',
  'plan-refused',
  'act-approval',
  'undo-approval',
  'land-approval',
  'land-blocked',
  'permission',
  'credential',
  'host',
  'question',
  'guard',
  'review',
  'attempts-spent',
  'limit',
  'sandbox',
  'quarantine',
])
export type AskKind = z.infer<typeof AskKind>

export const Choice = z.object({ id: z.string(), label: z.string() })
export type Choice = z.infer<typeof Choice>

export const Answer = z.object({
  /** One of the ask's choices, or null for free text alone. */
  choice: z.string().nullable(),
  text: z.string().nullable(),
  /** Who and from where: `cli`, `http`, a channel's user … */
  by: z.string(),
  at: z.int(),
})
export type Answer = z.infer<typeof Answer>

export const Ask = z.object({
  id: z.templateLiteral(['ask_', z.string()]),
  /** Short number for people: `!yes 42`. */
  number: z.int(),
  kind: AskKind,
  goalId: z.templateLiteral(['goal_', z.string()]),
  taskId: z.templateLiteral(['task_', z.string()]).nullable(),
  runId: z.templateLiteral(['run_', z.string()]).nullable(),
  /** One sentence. */
  question: z.string(),
  /** Markdown: what is needed to decide. */
  detail: z.string(),
  choices: z.array(Choice),
  /** Whether free text is a valid answer. */
  freeText: z.boolean(),
  /** Of two asks with the same fingerprint the stored answer serves both (a resumed session asks again). */
  fingerprint: z.string().nullable(),
  /** open, answered, or moot: what it was about is gone. */
  state: z.enum(['open', 'answered', 'moot']),
  answer: Answer.nullable(),
  /** When the answer was acted upon; an answer is acted upon once. */
  settledAt: z.int().nullable(),
  createdAt: z.int(),
})
export type Ask = z.infer<typeof Ask>
export type AskId = Ask['id']
