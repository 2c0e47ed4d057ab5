import { z } from 'zod'
import { defineTool } from '../tool.ts'

export const useSkill = defineTool({
  name: 'use_skill',
  title: 'Use a skill',
  description:
    'Read a skill whole: how a certain kind of work is done here. Without a name it lists the skills there are, with what each is for. Look before you begin work of that kind.',
  scope: 'run',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({ name: z.string().min(1).max(100).optional().describe('Left out: the list.') }),
  output: z.object({
    skills: z.array(z.object({ name: z.string(), description: z.string() })),
    skill: z
      .object({
        name: z.string(),
        markdown: z.string(),
        files: z.array(z.string()).describe('What it holds beside SKILL.md.'),
        folder: z.string().nullable().describe('Where its files lie; null: in these words alone.'),
      })
      .nullable(),
  }),
  async run({ name }, { skills }) {
    if (name === undefined) return { skills: (await skills?.list()) ?? [], skill: null }
    return { skills: [], skill: skills ? await skills.use(name) : null }
  },
  text({ skills, skill }) {
    if (skill) {
      const more =
        skill.files.length > 0 && skill.folder
          ? `\n\nIts other files lie in ${skill.folder}:\n${skill.files.map((file) => `- ${file}`).join('\n')}`
          : ''
      return `${skill.markdown}${more}`
    }
    if (skills.length === 0) return 'There are no skills for this task.'
    return skills.map(({ name, description }) => `- ${name}: ${description}`).join('\n')
  },
})
