import { isTestPath } from '../proof/test-code.ts'
import { readRecipe } from '../worktrees/read-recipe.ts'
import type { Recipe } from '../worktrees/recipe.ts'
import type { Repository } from '../worktrees/worktree.ts'
import { countLanguages, isGenerated, summarizeTree } from './survey-tree.ts'

/** Facts of a repository at one commit, found by plain code: no model, nothing of it is run. */
export interface Survey {
  commit: string
  /** The branch that the owner's HEAD names; null where it is detached. */
  defaultBranch: string | null
  files: number
  /** By number of files, most first. */
  languages: { name: string; files: number }[]
  tests: { files: number; examples: string[] }
  /** `scripts` of the package.json at the top. */
  scripts: Record<string, string>
  recipe: Recipe
  /** What the repository says to people and agents (AGENTS.md, CLAUDE.md, README), heads only. */
  documents: { path: string; text: string; cut: boolean }[]
  log: { commit: string; subject: string; author: string; at: number }[]
  /** Folders and files, a line each, bounded. */
  tree: string[]
}

const DOCUMENTS = [
  /^AGENTS\.md$/i,
  /^CLAUDE\.md$/i,
  /^(GEMINI\.md|\.cursorrules|\.github\/copilot-instructions\.md)$/i,
  /^README(\.(md|rst|txt|adoc))?$/i,
  /^CONTRIBUTING\.md$/i,
]
const DOCUMENTS_MAX = 4
const DOCUMENT_CHARS_MAX = 4_000
const LOG_MAX = 15
const TREE_LINES_MAX = 120
const SCRIPTS_MAX = 40

/** Faults: config_invalid for a claw.yaml that cannot be read, and those of the repository. */
export async function survey(options: {
  repository: Pick<Repository, 'listFiles' | 'readFile' | 'log' | 'ownerHead'>
  commit: string
  /** Instead of reading it: one that memory knows to work. */
  recipe?: Recipe
}): Promise<Survey> {
  const { repository, commit } = options
  const files = await repository.listFiles(commit)
  const own = files.filter((path) => !isGenerated(path))
  const recipe = options.recipe ?? (await readRecipe(repository, commit))
  const tests = own.filter(isTestPath)

  const documents: Survey['documents'] = []
  for (const pattern of DOCUMENTS) {
    const path = files.find((file) => pattern.test(file))
    if (path === undefined || documents.length === DOCUMENTS_MAX) continue
    const text = await repository.readFile(commit, path).catch(() => undefined)
    if (text === undefined || text.trim() === '') continue
    const cut = text.length > DOCUMENT_CHARS_MAX
    documents.push({ path, text: cut ? text.slice(0, DOCUMENT_CHARS_MAX) : text, cut })
  }

  return {
    commit,
    defaultBranch: (await repository.ownerHead()) ?? null,
    files: files.length,
    languages: countLanguages(own),
    tests: { files: tests.length, examples: tests.slice(0, 5) },
    scripts: files.includes('package.json') ? readScripts(await repository.readFile(commit, 'package.json')) : {},
    recipe,
    documents,
    log: await repository.log(commit, LOG_MAX),
    tree: summarizeTree(own, TREE_LINES_MAX),
  }
}

function readScripts(text: string | undefined): Record<string, string> {
  try {
    const scripts: unknown = JSON.parse(text ?? '{}')?.scripts
    if (scripts === null || typeof scripts !== 'object') return {}
    return Object.fromEntries(
      Object.entries(scripts)
        .filter(([, command]) => typeof command === 'string')
        .slice(0, SCRIPTS_MAX),
    )
  } catch {
    return {} // whoever runs it will say what is wrong with it
  }
}
