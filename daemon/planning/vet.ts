/**
 * Says what is wrong with a plan before anything is spent on it.
 *
 * Pure: from the draft and what is known of the repository to a list of reasons, each a plain
 * sentence that names the task and says what would be right; empty means the plan may be baselined.
 * What only running can tell (a `fails-before` check that passes on the base) is not decided here.
 */
import { nearest } from '../../core/fault.ts'
import type { Check, PlanDraft, PlannedTask } from '../../core/plan.ts'
import { isReference, REFERENCE_WORDS } from '../../core/secret-reference.ts'
import { isVacuous } from '../proof/vacuous.ts'
import { findOverlap, globsMeet, isGlob } from './footprint.ts'
import { findCycle, findSideBySide } from './order.ts'
import { type ActFacts, vetAct, vetActsSideBySide, vetOnlyActs } from './vet-act.ts'

export interface PlanFacts extends ActFacts {
  /** Paths at the base commit; null where they are not known. */
  files: readonly string[] | null
  /** Names of the agent profiles that can be used. */
  agents: readonly string[]
  /** Names of the owner's for secrets. */
  credentials?: readonly string[]
  /** Globs that no task may change. */
  footprintForbidden?: readonly OffLimit[]
  /** Keys of tasks that are done: they may be needed, stand in the draft or not, and are not vetted again. */
  finished?: readonly string[]
}

export interface OffLimit {
  glob: string
  /** Ends a sentence: `your note "…" says so`. Null: it goes without saying. */
  because: string | null
}

/** Reasons beyond this many help nobody. */
const REASONS_MAX = 40

export function vetPlan(whole: PlanDraft, facts: PlanFacts): string[] {
  const done = new Set(facts.finished)
  const draft = { ...whole, tasks: whole.tasks.filter((task) => !done.has(task.key)) }
  const reasons = [
    ...vetKeys(draft, facts),
    ...vetGoalChecks(draft),
    ...draft.sharedPaths.flatMap((path) => vetPath(path, 'sharedPaths')),
    ...draft.tasks.flatMap((task) => vetTask(task, draft, facts)),
    ...vetSideBySide(draft, facts),
    ...vetActsSideBySide(draft),
    ...vetOnlyActs(draft),
  ]
  const left = reasons.length - REASONS_MAX
  return left > 0 ? [...reasons.slice(0, REASONS_MAX), `There are ${left} more reasons of this kind.`] : reasons
}

function vetKeys({ tasks }: PlanDraft, { finished = [] }: PlanFacts): string[] {
  const keys = tasks.map((task) => task.key)
  const twice = [...new Set(keys.filter((key, index) => keys.indexOf(key) !== index))]
  const reasons = twice.map((key) => `Two tasks have the key "${key}"; each task needs a key of its own.`)
  const known = [...keys, ...finished]
  for (const task of tasks) {
    for (const need of task.needs.filter((need) => !known.includes(need))) {
      reasons.push(`Task "${task.key}" needs "${need}", and no task has that key.${suggest(need, known)}`)
    }
  }
  const cycle = twice.length === 0 ? findCycle(tasks) : undefined
  if (cycle) reasons.push(`Tasks wait for each other in a circle: ${cycle.join(' needs ')}.`)
  return reasons
}

function vetGoalChecks({ checks }: PlanDraft): string[] {
  return [...vetNames(checks, 'The plan'), ...checks.flatMap((check) => vetCheck(check, 'The plan'))]
}

function vetTask(task: PlannedTask, draft: PlanDraft, facts: PlanFacts): string[] {
  const who = `Task "${task.key}"`
  if (task.kind === 'act')
    return [...vetAct(task, facts), ...vetAgent(task, who, facts), ...vetCredentials(task, who, facts)]
  return [
    ...vetAct(task, facts),
    ...vetTaskChecks(task, who),
    ...vetHasFootprint(task, who),
    ...task.footprint.flatMap((glob) => vetFootprint(glob, task, draft, facts)),
    ...task.overlay.flatMap((file) => vetOverlay(file.path, who, facts)),
    ...vetReport(task, who),
    ...vetAgent(task, who, facts),
    ...vetCredentials(task, who, facts),
  ]
}

function vetCredentials({ credentials }: PlannedTask, who: string, { credentials: known }: PlanFacts): string[] {
  const variables = credentials.map(({ variable }) => variable)
  const twice = [...new Set(variables.filter((name, index) => variables.indexOf(name) !== index))]
  const unknown = known ? credentials.filter(({ secret }) => !isReference(secret) && !known.includes(secret)) : []
  return [
    ...twice.map((name) => `${who} wants two credentials in the variable ${name}; each needs one of its own.`),
    // Not repeated: it may be the secret itself.
    ...unknown.map(
      ({ variable }) =>
        `${who} wants a credential for ${variable} that is neither a name from \`credentials\` in the configuration nor a reference (${REFERENCE_WORDS}).`,
    ),
  ]
}

function vetTaskChecks(task: PlannedTask, who: string): string[] {
  const reasons = [...vetNames(task.checks, who), ...task.checks.flatMap((check) => vetCheck(check, who))]
  if (task.checks.length === 0) {
    const example = task.kind === 'report' ? ' A report can be held to, for example, `test -s docs/report.md`.' : ''
    reasons.push(
      `${who} has no check of its own: name at least one command that shows that its work is done (the plan's own checks do not count).${example}`,
    )
  }
  return reasons
}

function vetNames(checks: readonly Check[], who: string): string[] {
  const names = checks.map((check) => check.name)
  const twice = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]
  return twice.map((name) => `${who} has two checks called "${name}"; name them apart.`)
}

function vetCheck(check: Check, who: string): string[] {
  if (!isVacuous(check.command)) return []
  return [
    `${who} has a check "${check.name}" (\`${brief(check.command)}\`) that passes whatever was done; it proves nothing.`,
  ]
}

function vetHasFootprint({ footprint }: PlannedTask, who: string): string[] {
  return footprint.length > 0 ? [] : [`${who} has no footprint: list the files that it may change.`]
}

function vetFootprint(glob: string, task: PlannedTask, draft: PlanDraft, facts: PlanFacts): string[] {
  const who = `Task "${task.key}"`
  const unsafe = vetPath(glob, `the footprint of task "${task.key}"`)
  if (unsafe.length > 0) return unsafe
  if (glob.startsWith('!')) {
    return [`${who} has "${glob}" in its footprint; a footprint lists what may be changed, and cannot exclude.`]
  }
  const folder = glob.replace(/\/$/, '')
  if (glob.endsWith('/') || (!isGlob(glob) && facts.files?.some((file) => file.startsWith(`${folder}/`)))) {
    return [`${who} has the folder "${glob}" in its footprint; write "${folder}/**" for all that is in it.`]
  }
  const reasons: string[] = []
  if (isEverything(glob) && findSideBySide(draft.tasks).some((pair) => pair.includes(task))) {
    reasons.push(
      `${who} claims every file ("${glob}") while other tasks may run beside it; narrow its footprint, or put the tasks in order with \`needs\`.`,
    )
  }
  // A claim on everything is no wish for this file; changing it is found when the work is proven.
  const forbidden = offLimitsOf(draft, facts).find((other) => !isEverything(glob) && globsMeet(glob, other.glob))
  if (forbidden) {
    const because = forbidden.because === null ? '' : `: ${forbidden.because}`
    reasons.push(`${who} has "${glob}" in its footprint, and "${forbidden.glob}" may not be changed here${because}.`)
  }
  return reasons
}

function offLimitsOf({ offLimits = [] }: PlanDraft, { footprintForbidden = [] }: PlanFacts): OffLimit[] {
  return [...footprintForbidden, ...offLimits.map((glob) => ({ glob, because: null }))]
}

function isEverything(glob: string): boolean {
  return /^(\.\/)?(\*\*\/?)+(\*|\*\.\*)?$/.test(glob) || glob === '*' || glob === '.'
}

function vetOverlay(path: string, who: string, { files }: PlanFacts): string[] {
  const unsafe = vetPath(path, `the overlay of ${who.toLowerCase()}`)
  if (unsafe.length > 0) return unsafe
  if (path.endsWith('/') || files?.some((file) => file.startsWith(`${path}/`))) {
    return [`${who} lays a file over "${path}", which is a folder.`]
  }
  return []
}

/** A report is a file: it must be said which. */
function vetReport(task: PlannedTask, who: string): string[] {
  if (task.kind !== 'report' || task.footprint.some((path) => !isGlob(path) && !path.endsWith('/'))) return []
  return [
    `${who} is a report and names no file in its footprint; say where the report is written, for example "docs/report.md".`,
  ]
}

function vetAgent({ agent }: PlannedTask, who: string, { agents }: PlanFacts): string[] {
  if (agent === null || agents.includes(agent)) return []
  const known = agents.length > 0 ? ` Known agents: ${agents.join(', ')}.` : ''
  return [`${who} asks for the agent "${agent}", which is not known here.${suggest(agent, agents) || known}`]
}

function vetSideBySide(draft: PlanDraft, facts: PlanFacts): string[] {
  return findSideBySide(draft.tasks).flatMap(([one, other]) => {
    if (one.key === other.key || [...one.footprint, ...other.footprint].some(isEverything)) return []
    const overlap = findOverlap(one.footprint, other.footprint, facts.files, draft.sharedPaths)
    if (!overlap) return []
    const where = overlap.file ? ` (for example in ${overlap.file})` : ''
    return [
      `Tasks "${one.key}" and "${other.key}" may run side by side, and "${overlap.a}" and "${overlap.b}" overlap${where}: put them in order with \`needs\`, or list what they share in sharedPaths.`,
    ]
  })
}

/** Reasons why a path or glob could leave the checkout or reach git's own files. */
function vetPath(path: string, where: string): string[] {
  const problem = pathProblem(path)
  return problem ? [`"${brief(path)}" in ${where} ${problem}.`] : []
}

function pathProblem(path: string): string | undefined {
  if (path.trim() === '') return 'is empty'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f]/.test(path)) return 'contains a control character'
  if (path.startsWith('/') || path.startsWith('~') || /^[a-z]:/i.test(path))
    return 'is absolute; paths are relative to the repository'
  if (path.includes('\\')) return 'contains a backslash; paths are written with slashes'
  const segments = path
    .replace(/^!/, '')
    .split(/[/{},]/)
    .map((segment) => segment.toLowerCase())
  if (segments.includes('..')) return 'leaves the repository with ".."'
  if (segments.some((segment) => segment === '.git' || segment === 'git~1')) return "reaches into git's own folder"
  return undefined
}

function suggest(typed: string, choices: readonly string[]): string {
  const near = nearest(typed, choices)
  return near ? ` Did you mean "${near}"?` : ''
}

function brief(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > 80 ? `${line.slice(0, 79)}…` : line
}
