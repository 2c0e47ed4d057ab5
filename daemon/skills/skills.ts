import type { Goal } from '../../core/goal.ts'

/**
 * Agent Skills: folders with a SKILL.md, in the owner's skill folder and in repositories.
 *
 * Brain and runs are told names and descriptions, and get one whole when they ask for it. What the owner put into
 * their own folder may be used. What lies in a repository may be used once the owner has agreed to it as it is: a
 * skill that says something else is another skill.
 */
export interface Skills {
  /** Those that may be used now, by name. Asks the owner, once and without holding anything up, about the others. */
  usable(goal: Pick<Goal, 'id' | 'number' | 'repositoryId'>, commit: string): Promise<Skill[]>
  /** For the owner: their own and those of their repositories; `repo` narrows it to one. */
  list(filter: { repo: string | null }): Promise<SkillView[]>
  /** Agrees or refuses, for the skill as it is now. Throws skill_not_found. */
  agree(wanted: { name: string; repo: string | null; isAllowed: boolean; by: string }): Promise<SkillView>
}

export interface Skill {
  name: string
  description: string
  from: 'owner' | 'repository'
  /** Where it lies: absolute, or inside the repository. */
  folder: string
  /** Of everything it holds. */
  digest: string
  /** SKILL.md among them, paths from its folder on. */
  files: SkillFile[]
}

export interface SkillFile {
  path: string
  text: string
}

export interface SkillView {
  name: string
  description: string
  from: Skill['from']
  /** The repository's path or address; null for the owner's own. */
  repository: string | null
  folder: string
  files: number
  /** on: may be used; new, changed: waits for the owner; broken: is none, and `words` says why. */
  state: 'on' | 'new' | 'changed' | 'refused' | 'broken'
  words: string | null
}

/** Where a skill's files lie in a run's private HOME. */
export const SKILLS_FOLDER = '.claw/skills'
