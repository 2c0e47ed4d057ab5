import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Repository } from '../worktrees/worktree.ts'
import { FILE_CHARS_MAX, FILES_MAX, readSkill, SKILL_CHARS_MAX, SKILL_FILE, SKILLS_MAX } from './read-skill.ts'
import type { Skill, SkillFile } from './skills.ts'

export type Found = { folder: string } & ({ skill: Skill } | { broken: string })

/** Where agents of today look for skills in a repository. */
const REPOSITORY_FOLDERS = [
  '.claude/skills',
  '.agents/skills',
  '.github/skills',
  '.codex/skills',
  '.goose/skills',
  'skills',
]

/** Skills of a repository as they are at a commit. Nothing of a worktree is trusted. */
export async function findInRepository(repository: Repository, commit: string): Promise<Found[]> {
  const byFolder = new Map<string, string[]>()
  for (const path of await repository.listFiles(commit)) {
    const top = REPOSITORY_FOLDERS.find((folder) => path.startsWith(`${folder}/`))
    const name = top && path.slice(top.length + 1).split('/')[0]
    if (!name || path === `${top}/${name}`) continue
    const folder = `${top}/${name}`
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), path])
  }
  const found: Found[] = []
  for (const [folder, paths] of byFolder) {
    if (!paths.includes(`${folder}/${SKILL_FILE}`) || found.length >= SKILLS_MAX) continue
    found.push({
      folder,
      ...(await read(folder, 'repository', paths, (path) => repository.readFile(commit, path, FILE_CHARS_MAX))),
    })
  }
  return found
}

/** Skills in a folder of the owner's: one per folder below it. None where there is no such folder. */
export async function findInFolder(top: string): Promise<Found[]> {
  const names = await readdir(top, { withFileTypes: true }).catch(() => [])
  const found: Found[] = []
  for (const { name } of names) {
    const folder = join(top, name)
    const isSkill = await stat(join(folder, SKILL_FILE)).then(
      (found) => found.isFile(),
      () => false,
    )
    if (!isSkill || found.length >= SKILLS_MAX) continue
    const inside = await readdir(folder, { recursive: true, withFileTypes: true })
    const paths = inside.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    found.push({
      folder,
      ...(await read(folder, 'owner', paths, async (path) => {
        const text = await readFile(path)
        return text.length > FILE_CHARS_MAX || text.includes(0) ? undefined : text.toString('utf8')
      })),
    })
  }
  return found
}

/** What is binary or too long is left out: a skill is words. */
async function read(
  folder: string,
  from: Skill['from'],
  paths: readonly string[],
  textOf: (path: string) => Promise<string | undefined>,
): Promise<{ skill: Skill } | { broken: string }> {
  if (paths.length > FILES_MAX) return { broken: `it has more than ${FILES_MAX} files` }
  const files: SkillFile[] = []
  let size = 0
  for (const path of paths) {
    const text = await textOf(path).catch(() => undefined)
    if (text === undefined) continue
    size += text.length
    if (size > SKILL_CHARS_MAX) return { broken: `it is longer than ${SKILL_CHARS_MAX / 2 ** 20} MB` }
    files.push({ path: relative(folder, path), text })
  }
  return readSkill(folder, from, files)
}
