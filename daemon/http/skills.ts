import { Hono } from 'hono'
import { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import type { Skills, SkillView } from '../skills/skills.ts'
import { actor } from './by.ts'
import { body, query } from './valid.ts'

const Repo = z.string().min(1).max(4096)

export const SkillsQuery = z.strictObject({
  repo: Repo.optional().describe('Only of this repository: its path or address, as its goals name it.'),
})
export const AgreeSkillBody = z.strictObject({
  name: z.string().min(1).max(64),
  repo: Repo.nullable().default(null).describe('Where it lies; null: the first repository that has it.'),
  allow: z.boolean().default(true).describe('false: it must not be used.'),
})
export const SkillSchema: z.ZodType<SkillView> = z.object({
  name: z.string(),
  description: z.string(),
  from: z.enum(['owner', 'repository']),
  repository: z.string().nullable(),
  folder: z.string(),
  files: z.int(),
  state: z.enum(['on', 'new', 'changed', 'refused', 'broken']),
  words: z.string().nullable(),
})
export const SkillListSchema = z.object({ skills: z.array(SkillSchema) })

/** Agent Skills: what there is, and what the owner agrees to. */
export function skillRoutes({ skills }: { skills?: Skills }) {
  const those = () => {
    if (!skills) throw new Fault('route_not_found', 'This daemon has no skills')
    return skills
  }
  return new Hono()
    .get('/', query(SkillsQuery), async (c) =>
      c.json({ skills: await those().list({ repo: c.req.valid('query').repo ?? null }) }),
    )
    .post('/agree', body(AgreeSkillBody), async (c) => {
      const { name, repo, allow } = c.req.valid('json')
      return c.json(await those().agree({ name, repo, isAllowed: allow, by: actor(c) }))
    })
}
