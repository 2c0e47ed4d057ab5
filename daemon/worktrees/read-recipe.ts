import { CLAW_YAML, mergeRecipe, parseClawYaml } from './claw-yaml.ts'
import type { Recipe } from './recipe.ts'
import { inferRecipe, recipeFiles } from './recipe-infer.ts'
import type { Repository } from './worktree.ts'

/**
 * The recipe of a repository at a commit. `claw.yaml` is read at `trusted` (the base), so that
 * work under proof never decides what the daemon runs; which lockfiles there are is read at
 * `commit`, because work may add a dependency.
 */
export async function readRecipe(
  repository: Pick<Repository, 'listFiles' | 'readFile'>,
  commit: string,
  trusted: string = commit,
): Promise<Recipe> {
  const files = await repository.listFiles(commit)
  const contents: Record<string, string> = {}
  for (const path of recipeFiles(files)) {
    const text = await repository.readFile(commit, path).catch(() => undefined)
    if (text !== undefined) contents[path] = text
  }
  const yaml = await repository.readFile(trusted, CLAW_YAML)
  return mergeRecipe(inferRecipe(files, contents), yaml === undefined ? undefined : parseClawYaml(yaml))
}
