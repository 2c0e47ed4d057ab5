import { createHash } from 'node:crypto'
import { parse } from 'yaml'
import { z } from 'zod'
import { clipLine } from '../../core/plain-text.ts'
import type { Skill, SkillFile } from './skills.ts'

/** What the open format says of the frontmatter; keys beside these are for others. */
const Frontmatter = z.object({
  name: z
    .string()
    .max(64)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'small letters, digits and single dashes'),
  description: z.string().trim().min(1).max(1024),
})

export const SKILL_FILE = 'SKILL.md'

/** A folder's files as a skill, or why it is none. Pure. */
export function readSkill(
  folder: string,
  from: Skill['from'],
  files: readonly SkillFile[],
): { skill: Skill } | { broken: string } {
  const main = files.find(({ path }) => path === SKILL_FILE)?.text ?? ''
  const [, yaml] = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---(\r?\n|$)/.exec(main) ?? []
  if (yaml === undefined) return { broken: 'SKILL.md does not begin with `---` and name and description' }
  let value: unknown
  try {
    value = parse(yaml, { maxAliasCount: 0 })
  } catch (error) {
    return { broken: `its frontmatter is not YAML: ${clipLine((error as Error).message, 200)}` }
  }
  const checked = Frontmatter.safeParse(value)
  if (!checked.success) {
    const [issue] = checked.error.issues
    return { broken: `${issue?.path.join('.') || 'frontmatter'}: ${issue?.message}` }
  }
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  const digest = createHash('sha256')
    .update(JSON.stringify(sorted.map(({ path, text }) => [path, text])))
    .digest('hex')
  return { skill: { ...checked.data, from, folder, digest, files: sorted } }
}

/** Files of one skill, and how long they may be together: more is a program, not a description of work. */
export const FILES_MAX = 100
export const FILE_CHARS_MAX = 256 * 1024
export const SKILL_CHARS_MAX = 2 * 2 ** 20
/** Skills of one place. */
export const SKILLS_MAX = 100
