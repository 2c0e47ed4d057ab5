import { z } from 'zod'
import { PermissionRules } from '../../config/schema.ts'
import { PermissionProfile } from '../../core/permission.ts'

export const PolicyQuestion = z.strictObject({
  command: z.string().min(1).max(20_000).describe('A command line, as an agent would run it.'),
  agent: z.string().min(1).nullable().default(null).describe('Which agent; null: the first that can work here.'),
  repo: z.string().min(1).nullable().default(null).describe('In which repository: its path or address.'),
  goal: z.string().min(1).nullable().default(null).describe('For which goal: number or id.'),
})
export type PolicyQuestion = z.infer<typeof PolicyQuestion>

export const PolicyAnswer = z.object({
  command: z.string(),
  agent: z.string(),
  repository: z.string().nullable(),
  profile: PermissionProfile,
  from: z.string().describe('Which level chose the profile.'),
  decision: z.enum(['allow', 'ask', 'reject']),
  rule: z.string().describe('Which rule decided.'),
  reason: z.string(),
})
export type PolicyAnswer = z.infer<typeof PolicyAnswer>

export const PolicyShown = z.object({
  permissions: PermissionProfile,
  allow: z.array(z.string()),
  ask: z.array(z.string()),
  deny: z.array(z.string()),
  agents: z.record(z.string(), PermissionRules),
  repositories: z.record(z.string(), PermissionRules),
  isConfined: z.boolean().describe('Whether a sandbox really holds agents.'),
})
export type PolicyShown = z.infer<typeof PolicyShown>
