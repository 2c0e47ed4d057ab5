import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, nearest } from '../../core/fault.ts'
import type { Run } from '../../core/run.ts'
import type { SkillsForRun } from '../../tools/context.ts'
import { getGoal, getTask } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { SKILLS_FOLDER, type Skill, type Skills } from './skills.ts'

/** The skills of one run: those of its base commit and the owner's own. */
export function createSkillsForRun(
  { store, skills, homeOf }: { store: Store; skills: Skills; homeOf(taskId: string): string },
  row: () => Promise<Run>,
): SkillsForRun {
  async function usable(): Promise<{ run: Run; found: Skill[] }> {
    const run = await row()
    const goal = await getGoal(store.db, run.goalId)
    const commit = (await getTask(store.db, run.taskId)).baseCommit ?? goal.baseCommit
    return { run, found: commit === null ? [] : await skills.usable(goal, commit) }
  }
  return {
    list: async () => (await usable()).found.map(({ name, description }) => ({ name, description })),
    async use(name) {
      const { run, found } = await usable()
      const skill = found.find((other) => other.name === name)
      if (!skill) {
        const near = nearest(
          name,
          found.map((other) => other.name),
        )
        throw new Fault('skill_not_found', `There is no skill ${name.slice(0, 100)} for this task`, {
          hint: near ? `Did you mean ${near}?` : 'Go on without.',
        })
      }
      // Written when the run was made ready; what was agreed to since is there in words alone.
      const folder = join(homeOf(run.taskId), SKILLS_FOLDER, skill.name)
      return {
        name: skill.name,
        markdown: skill.files.find(({ path }) => path === 'SKILL.md')!.text,
        files: skill.files.map(({ path }) => path).filter((path) => path !== 'SKILL.md'),
        folder: existsSync(folder) ? folder : null,
      }
    },
  }
}

/** The files of skills as they lie in a private HOME. */
export function skillFiles(skills: readonly Skill[]): Record<string, string> {
  return Object.fromEntries(
    skills.flatMap(({ name, files }) =>
      files.map(({ path, text }) => [`${SKILLS_FOLDER}/${name}/${path}`, text] as const),
    ),
  )
}
