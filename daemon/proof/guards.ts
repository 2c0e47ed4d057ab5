import { countOf } from '../../core/count.ts'
import type { TaskKind } from '../../core/plan.ts'
import type { Contract, GuardFinding } from '../../core/proof.ts'
import { secretIn } from '../../core/secret-shapes.ts'
import { isInside, isLockfile } from '../planning/footprint.ts'
import type { FileChange } from '../worktrees/worktree.ts'
import { type FileDiff, readDiff } from './diff.ts'
import { countTests, isAssertion, isTestPath, mayHoldTests } from './test-code.ts'

/**
 * Looks at what a task changed, before anyone believes that it is done. Pure.
 *
 * `stop` is for what must not land at all, `ask` for what only the owner can allow, `note` for
 * the reviewer and the report. Findings name files and lines and never repeat a secret.
 */
export interface GuardInput {
  kind: TaskKind
  contract: Contract
  changes: readonly FileChange[]
  /** As git writes it; may be cut short, and the caller then adds what it knows. */
  diff: string
}

const FINDINGS_PER_GUARD_MAX = 20

export function guard(input: GuardInput): GuardFinding[] {
  const diffs = readDiff(input.diff)
  return [
    emptyDiff(input),
    unsafePaths(input, diffs),
    submodules(input),
    outsideFootprint(input),
    conflictMarkers(diffs),
    secrets(diffs),
    testsWeakened(input, diffs),
  ].flatMap(bounded)
}

/** Many findings of one kind say no more than a few and a number; none that stops is left out before one that does not. */
function bounded(findings: GuardFinding[]): GuardFinding[] {
  if (findings.length <= FINDINGS_PER_GUARD_MAX) return findings
  const order = { stop: 0, ask: 1, note: 2 }
  const sorted = findings.toSorted((a, b) => order[a.level] - order[b.level])
  const rest = sorted.slice(FINDINGS_PER_GUARD_MAX)
  const { guard, level } = rest[0]!
  return [
    ...sorted.slice(0, FINDINGS_PER_GUARD_MAX),
    { guard, level, path: null, detail: `and ${rest.length} more of this kind` },
  ]
}

function emptyDiff({ kind, changes }: GuardInput): GuardFinding[] {
  if (kind !== 'change' || changes.length > 0) return []
  return [{ guard: 'empty-diff', level: 'stop', path: null, detail: 'Nothing was changed' }]
}

function outsideFootprint({ changes, contract }: GuardInput): GuardFinding[] {
  const allowed = [...contract.footprint, ...contract.sharedPaths]
  const overlay = new Set(contract.overlay.map((file) => file.path))
  const isOffLimits = (path: string) => isInside(path, contract.offLimits ?? [])
  const isAllowed = (path: string) =>
    !isOffLimits(path) && (isLockfile(path) || overlay.has(path) || isInside(path, allowed))
  return changes
    .flatMap((change) =>
      change.kind === 'renamed' && change.from !== null ? [change.from, change.path] : [change.path],
    )
    .filter((path) => !isAllowed(path))
    .map((path) => ({
      guard: 'outside-footprint',
      level: 'ask',
      path,
      detail: isOffLimits(path)
        ? `${path} was changed, and a standing preference of yours says that it may not be`
        : `${path} is outside of what the task was to change (${contract.footprint.slice(0, 6).join(', ')})`,
    }))
}

function unsafePaths({ changes }: GuardInput, diffs: readonly FileDiff[]): GuardFinding[] {
  const unsafe = (path: string, detail: string): GuardFinding => ({ guard: 'unsafe-path', level: 'stop', path, detail })
  return changes.flatMap((change) => {
    const { path } = change
    const names = path.split('/')
    if (path.startsWith('/') || path.includes('\\') || names.includes('..') || /\p{Cc}/u.test(path)) {
      return [unsafe(path, `${JSON.stringify(path)} is not a plain path inside the repository`)]
    }
    if (names.some((name) => /^(\.git|git~1)[. ]*$/i.test(name)))
      return [unsafe(path, `${path} reaches into git's own folder`)]
    if (change.mode !== '120000' || change.kind === 'deleted') return []
    const target = diffs.find((diff) => diff.path === path)?.added[0]?.text
    if (target === undefined) {
      return change.kind === 'renamed'
        ? []
        : [{ ...unsafe(path, `${path} is a symlink; where it leads is not known`), level: 'ask' as const }]
    }
    return leadsOutside(names.slice(0, -1), target)
      ? [unsafe(path, `${path} is a symlink that leads outside: ${target.slice(0, 200)}`)]
      : []
  })
}

function leadsOutside(folder: readonly string[], target: string): boolean {
  if (target.startsWith('/') || target.includes('\\')) return true
  const at = [...folder]
  for (const name of target.split('/')) {
    if (name === '' || name === '.') continue
    if (name === '..') {
      if (at.length === 0) return true
      at.pop()
    } else at.push(name)
  }
  return at.some((name) => name.toLowerCase() === '.git')
}

function submodules({ changes }: GuardInput): GuardFinding[] {
  return changes
    .filter((change) => change.mode === '160000' || change.path === '.gitmodules')
    .map(({ path }) => ({
      guard: 'submodule-changed',
      level: 'ask',
      path,
      detail:
        path === '.gitmodules'
          ? 'Which submodules there are was changed'
          : `${path} is a submodule and points elsewhere now`,
    }))
}

function conflictMarkers(diffs: readonly FileDiff[]): GuardFinding[] {
  return diffs.flatMap((diff) => {
    const found = (pattern: RegExp) => diff.added.find((line) => pattern.test(line.text))
    // A row of `=` alone underlines a heading; only the outer marks are certain.
    const mark = found(/^<{7}( |$)/) ?? found(/^>{7}( |$)/) ?? found(/^\|{7}( |$)/)
    if (!mark) return []
    return [
      {
        guard: 'conflict-markers' as const,
        level: 'stop' as const,
        path: diff.path,
        detail: `${diff.path}:${mark.line} holds a conflict marker of git's`,
      },
    ]
  })
}

function secrets(diffs: readonly FileDiff[]): GuardFinding[] {
  return diffs.flatMap((diff) => {
    if (isLockfile(diff.path)) return []
    return diff.added.flatMap((line): GuardFinding[] => {
      const found = secretIn(line.text)
      if (!found) return []
      // Tests need things that look like keys; what is shaped like a vendor's key stops there too.
      const level = found.certain || !isTestPath(diff.path) ? 'stop' : 'ask'
      return [{ guard: 'secret', level, path: diff.path, detail: `${diff.path}:${line.line} holds ${found.kind}` }]
    })
  })
}

function testsWeakened({ changes }: GuardInput, diffs: readonly FileDiff[]): GuardFinding[] {
  const findings: GuardFinding[] = []
  const tell = (level: 'ask' | 'note', path: string | null, detail: string) =>
    findings.push({ guard: 'tests-weakened', level, path, detail })

  for (const change of changes) {
    const gone =
      change.kind === 'deleted'
        ? change.path
        : change.kind === 'renamed' && !isTestPath(change.path)
          ? change.from
          : null
    if (gone !== null && isTestPath(gone))
      tell('ask', gone, `${gone} was ${change.kind === 'deleted' ? 'deleted' : 'moved to where no test is looked for'}`)
  }

  const counted = diffs
    .filter((diff) => mayHoldTests(diff.path) && !diff.deleted)
    .map((diff) => ({ diff, before: countTests(diff.removed), after: countTests(diff.added) }))
  const total = (key: 'cases' | 'assertions') =>
    counted.reduce((sum, { before, after }) => sum + after[key] - before[key], 0)
  // Tests that moved from one file to another are not lost.
  const casesLost = total('cases') < 0
  const assertionsLost = total('assertions') < 0
  for (const { diff, before, after } of counted) {
    const { path } = diff
    if (after.skips > before.skips)
      tell('ask', path, `${path} skips ${countOf(after.skips - before.skips, 'test')} more than before`)
    if (after.only > before.only) tell('ask', path, `${path} runs only some of its tests (\`.only\`)`)
    const cases = before.cases - after.cases
    const assertions = before.assertions - after.assertions
    if (cases > 0) tell(casesLost ? 'ask' : 'note', path, `${path} has ${countOf(cases, 'test')} fewer`)
    else if (assertions > 0)
      tell(assertionsLost ? 'ask' : 'note', path, `${path} has ${countOf(assertions, 'assertion')} fewer`)
    else if (before.assertions > 0) {
      const line = diff.removed.find(({ text }) => isAssertion(text))!
      tell('note', path, `${path}:${line.line} an expectation was changed: ${line.text.trim().slice(0, 120)}`)
    }
  }
  return findings
}
