import { parse as parseToml, stringify as stringifyToml } from 'smol-toml'
import type { Contract, GuardFinding } from '../../core/proof.ts'
import { isInside } from '../planning/footprint.ts'
import type { FileChange } from '../worktrees/worktree.ts'
import { isNamedBy } from './named-by.ts'
import { knowsFamily, type Protection, protectionOf, scriptsNamedIn } from './protected-files.ts'

/**
 * Decides what of a checkout is put back to the base before the checks run, so that checks
 * cannot be bought: `"test": "true"` in the work's own package.json proves nothing.
 *
 * Pure. The caller reads the texts that `pathsToProtect` names. A file that the plan names stays
 * as the work left it. A file that is put back is an `ask`: the owner hears that the proof was
 * made without the change.
 */
export interface ProtectInput {
  changes: readonly FileChange[]
  contract: Contract
  /** Globs of the recipe's own (claw.yaml at the base). */
  protectedFiles: readonly string[]
  baseFiles: readonly string[]
  /** Texts at the base and at the commit; null is a file that cannot be read as text. */
  base: Readonly<Record<string, string | null>>
  work: Readonly<Record<string, string | null>>
}

/** What to write (`content`) or to remove (null) in the checkout. */
export interface Restored {
  path: string
  content: string | null
}

export interface ProtectAnswer {
  restored: Restored[]
  findings: GuardFinding[]
}

type Touched = { path: string; atBase: boolean; atWork: boolean; isLink: boolean }

export function pathsToProtect(input: Omit<ProtectInput, 'base' | 'work'> & { scripts: readonly string[] }): string[] {
  return touched(input.changes)
    .filter(({ path }) => protectionFor(path, input, input.scripts))
    .map(({ path }) => path)
}

/** The commands that checks go through: the contract's, and the package scripts of the base. */
export function commandsOf(contract: Contract, basePackageJson: string | undefined): string[] {
  const scripts = basePackageJson === undefined ? {} : pick(parseJson(basePackageJson), 'scripts')
  const words = scripts !== null && typeof scripts === 'object' ? Object.values(scripts) : []
  return [...contract.checks.map((check) => check.command), ...words.filter((word) => typeof word === 'string')]
}

export function protect(input: ProtectInput): ProtectAnswer {
  const scripts = scriptsNamedIn(commandsOf(input.contract, input.base['package.json'] ?? undefined), input.baseFiles)
  const restored: Restored[] = []
  const findings: GuardFinding[] = []
  const tell = (path: string, level: 'ask' | 'note', detail: string) =>
    findings.push({ guard: 'check-definition-changed', level, path, detail })

  for (const file of touched(input.changes)) {
    const { path } = file
    const usual = protectionFor(path, input, scripts)
    if (!usual) continue
    // What a symlink leads to cannot be merged key by key.
    const protection: Protection = file.isLink ? { how: 'whole', family: 'any' } : usual
    const isScript = scripts.includes(path)
    const named =
      isNamedBy(path, input.contract.footprint) ||
      (isScript && isInside(path, input.contract.footprint.filter(isNarrow)))
    if (named) {
      tell(path, 'note', `${path} says how checks run; the plan names it, so the change counted`)
      continue
    }
    if (protection.how === 'listed') {
      tell(path, 'note', `${path} may change what the checks look at; the change counted`)
      continue
    }
    const base = file.atBase ? (input.base[path] ?? null) : undefined
    const work = file.atWork ? (input.work[path] ?? null) : undefined
    if (base === null || work === null) {
      tell(path, 'ask', `${path} says how checks run and cannot be read as text; the change counted`)
      continue
    }
    if (protection.how === 'lines') {
      const lines = changedLines(base ?? '', work ?? '').filter((line) => protection.pattern.test(line))
      if (lines.length > 0) {
        tell(
          path,
          'ask',
          `${path} changes how tests run: ${lines
            .slice(0, 3)
            .map((line) => line.trim().slice(0, 120))
            .join(' … ')}`,
        )
      }
      continue
    }
    if (base === undefined && !knowsFamily(protection.family, input.baseFiles)) {
      tell(path, 'note', `${path} is new and the base had nothing of its kind, so it counted`)
      continue
    }
    const content = protection.how === 'whole' ? base : mergeKeys(protection, path, base, work)
    if (content === work) continue
    restored.push({ path, content: content ?? null })
    const what = protection.how === 'keys' ? `${protection.keys.join(', ')} of ${path}` : path
    tell(
      path,
      'ask',
      base === undefined
        ? `${path} says how checks run and is not in the plan; the checks ran without it`
        : `${path} says how checks run and is not in the plan; the checks ran with the base's ${what}`,
    )
  }
  return { restored, findings }
}

function protectionFor(
  path: string,
  input: Pick<ProtectInput, 'protectedFiles'>,
  scripts: readonly string[],
): Protection | undefined {
  if (scripts.includes(path) || isInside(path, input.protectedFiles)) return { how: 'whole', family: 'any' }
  return protectionOf(path)
}

/** A rename is a removal and an addition. */
function touched(changes: readonly FileChange[]): Touched[] {
  return changes.flatMap((change): Touched[] => {
    const { path, from, kind } = change
    const isLink = change.mode === '120000'
    if (kind === 'deleted') return [{ path, atBase: true, atWork: false, isLink: false }]
    if (kind !== 'renamed' || from === null) return [{ path, atBase: kind !== 'added', atWork: true, isLink }]
    return [
      { path: from, atBase: true, atWork: false, isLink: false },
      { path, atBase: false, atWork: true, isLink },
    ]
  })
}

/** `**` and `**\/*` cover everything and therefore say nothing. */
function isNarrow(glob: string): boolean {
  return /[A-Za-z0-9]/.test(glob.replace(/\.[A-Za-z0-9]+$/, ''))
}

/** The work's file with the protected keys of the base. */
function mergeKeys(
  protection: Protection & { how: 'keys' },
  path: string,
  base: string | undefined,
  work: string | undefined,
): string | undefined {
  if (work === undefined) return base
  const json = protection.format === 'json'
  const before = base === undefined ? {} : json ? parseJson(base) : parseTomlOrNothing(base)
  const after = json ? parseJson(work) : parseTomlOrNothing(work)
  // What cannot be read fails by itself in the checks; what could not be read at the base has no keys.
  if (!before || !after) return work
  // The manifest of a new package below the top brings its own scripts.
  if (base === undefined && path.includes('/') && protection.family !== 'python') return work
  let changed = false
  for (const key of protection.keys) {
    const wanted = pick(before, key)
    if (JSON.stringify(pick(after, key)) === JSON.stringify(wanted)) continue
    put(after, key, wanted)
    changed = true
  }
  if (!changed) return work
  return json ? `${JSON.stringify(after, null, 2)}\n` : `${stringifyToml(after)}\n`
}

type Tree = Record<string, unknown>

function parseJson(text: string): Tree | undefined {
  try {
    return asTree(JSON.parse(text))
  } catch {
    return undefined
  }
}

function parseTomlOrNothing(text: string): Tree | undefined {
  try {
    return parseToml(text) as Tree
  } catch {
    return undefined
  }
}

function asTree(value: unknown): Tree | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Tree) : undefined
}

function pick(tree: Tree | undefined, key: string): unknown {
  return key.split('.').reduce<unknown>((at, name) => asTree(at)?.[name], tree)
}

function put(tree: Tree, key: string, value: unknown): void {
  const names = key.split('.')
  const last = names.pop()!
  let at = tree
  for (const name of names) {
    const next = asTree(at[name])
    if (!next && value === undefined) return
    if (!next) at[name] = {}
    at = at[name] as Tree
  }
  if (value === undefined) delete at[last]
  else at[last] = value
}

function changedLines(before: string, after: string): string[] {
  const old = new Set(before.split('\n'))
  const now = new Set(after.split('\n'))
  return [...[...now].filter((line) => !old.has(line)), ...[...old].filter((line) => !now.has(line))]
}
