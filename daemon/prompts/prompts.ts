/**
 * All that models and agents are told, in one place: the words are Markdown files beside this one,
 * the functions here say what each needs. A file with a line `---` is a system part and a prompt.
 */
import { readFileSync } from 'node:fs'
import type { Act } from '../../core/act.ts'
import { addressWords, effectWords, probeWords, undoStepWords } from '../../core/act-words.ts'
import type { Check, PlannedTask } from '../../core/plan.ts'
import type { CheckResult, Contract, GuardFinding } from '../../core/proof.ts'
import { asData } from './data.ts'
import { fill, type Values } from './template.ts'

/** Two parts of a question to the brain. */
export interface SystemAndPrompt {
  system: string
  prompt: string
}

interface TaskValues {
  /** `12.3` */
  label: string
  task: PlannedTask
  contract: Contract
}

export interface StartTask extends TaskValues {
  goalText: string
  /** A fresh session on work that was begun: what went wrong, with the real output. */
  feedback: string | null
}

export interface StartAct {
  label: string
  task: PlannedTask
  act: Act
  goalText: string
  /** What was tried, seen and said before: real output, and the owner's words. */
  earlier: string | null
}

export interface ContinueTask {
  label: string
  feedback: string
  /** Failed attempts that are left before the owner is asked; null where that is not to be said. */
  attemptsLeft: number | null
}

export interface ResumeTask {
  label: string
  title: string
  /** Ends a sentence: `the daemon was started anew`. */
  why: string
  feedback: string | null
}

export interface ReconcileTask extends TaskValues {
  /** What was merged meanwhile: tasks with their briefs, or a description of the target's commits. */
  theirs: readonly { title: string; brief: string }[]
  conflicts: readonly string[]
  /** Checks of the other side that run on the result as well. */
  theirChecks: readonly Check[]
  feedback: string | null
}

export interface MakePlan {
  goalText: string
  steers: readonly string[]
  answers: readonly { question: string; answer: string }[]
  agents: readonly string[]
  attemptsMax: number
  finished: readonly { key: string; title: string }[]
  previous: { draft: unknown; reasons: readonly string[] } | null
  surveyMarkdown: string
  /** The owner's standing preferences, in their words. */
  preferences: string | null
  memoryMarkdown: string | null
  /** What the brain looked up before, its pieces marked as material; null: there was nothing to look up with. */
  lookedUp?: string | null
}

export interface LookUp {
  goalText: string
  surveyMarkdown: string
  tools: readonly { name: string; description: string; inputSchema: unknown }[]
  skills: readonly { name: string; description: string }[]
  /** Pieces that are marked as material already. */
  found: readonly string[]
  callsLeft: number
}

export interface ReviewTask {
  goalText: string
  task: PlannedTask
  contract: Contract
  diff: string
  results: readonly CheckResult[]
  guards: readonly GuardFinding[]
}

/** What goes in at most, in characters; about four make a token. */
const SURVEY_MAX = 80_000
const MEMORY_MAX = 20_000
const TOOLS_MAX = 40_000
const SCHEMA_MAX = 2_000
const LOOK_UP_SURVEY_MAX = 20_000
const PREVIOUS_MAX = 80_000
const FEEDBACK_MAX = 40_000
const DIFF_MAX = 240_000
const OUTPUT_MAX = 2_000
const RECORD_MAX = 60_000

export type Prompts = ReturnType<typeof loadPrompts>

/** Reads the templates from beside this file; from then on nothing is read. */
export function loadPrompts() {
  const read = (name: string) => readFileSync(new URL(`${name}.md`, import.meta.url), 'utf8')
  const one = (name: string) => {
    const template = read(name)
    return (values: Values) => fill(name, template, values)
  }
  const two = (name: string) => {
    const [system, prompt] = read(name).split('\n---\n')
    if (prompt === undefined) throw new TypeError(`The prompt ${name} has no second part`)
    return (values: Values): SystemAndPrompt => ({
      system: fill(name, system!, {}),
      prompt: fill(name, prompt, values),
    })
  }
  const start = one('start-task')
  const act = one('start-act')
  const continued = one('continue-task')
  const resume = one('resume-task')
  const reconcile = one('reconcile')
  const steer = one('steer-task')
  const plan = two('make-plan')
  const lookUp = two('look-up')
  const review = two('review')
  const writeUp = two('write-up')
  const lessons = two('lessons')
  const readTime = two('read-time')

  return {
    startTask: ({ label, task, contract, goalText, feedback }: StartTask): string =>
      start({
        label,
        title: task.title,
        goal: goalText,
        brief: task.brief,
        footprint: bullets(contract.footprint.map(code)),
        shared:
          contract.sharedPaths.length > 0
            ? `And, shared with other tasks:\n\n${bullets(contract.sharedPaths.map(code))}`
            : '',
        checks: checkList(contract.checks),
        overlay: overlayWords(contract),
        forbidden: offLimitWords(contract),
        earlier: feedback
          ? `## What was tried before\n\nThe working directory holds earlier work on this task. Keep what is good.\n\n${output(feedback)}`
          : '',
      }),

    startAct: ({ label, task, act: declared, goalText, earlier }: StartAct): string =>
      act({
        label,
        title: task.title,
        goal: goalText,
        brief: task.brief,
        hosts: headed(
          'Machines:',
          declared.hosts.map((host) => `\`${host.name}\` (${addressWords(host)})`),
        ),
        effects: headed(
          'Effects:',
          declared.effects.map((effect) => `${effectWords(effect)}. Undo: ${undoStepWords(effect, undefined)}`),
        ),
        probes: bullets(declared.probes.map((probe) => `${probe.name}: ${probeWords(probe)}`)),
        earlier: earlier ? `## What was before\n\n${output(earlier)}` : '',
      }),

    continueTask: ({ label, feedback, attemptsLeft }: ContinueTask): string =>
      continued({ label, feedback: output(feedback), left: attemptsWords(attemptsLeft) }),

    resumeTask: ({ label, title, why, feedback }: ResumeTask): string =>
      resume({ label, title, why, feedback: feedback ? `You had been told:\n\n${output(feedback)}` : '' }),

    reconcileTask: ({ label, task, contract, theirs, conflicts, theirChecks, feedback }: ReconcileTask): string =>
      reconcile({
        label,
        title: task.title,
        brief: task.brief,
        theirs:
          theirs.map((other) => `**${other.title}**\n\n${other.brief}`).join('\n\n') ||
          'Commits of the owner’s on the target branch; read them with `git log` and `git diff`.',
        conflicts:
          conflicts.length > 0
            ? bullets(conflicts.map(code))
            : 'No file has conflict markers; the two sides do not work together (see below).',
        footprint: bullets([...contract.footprint, ...contract.sharedPaths].map(code)),
        checks: checkList([...contract.checks, ...theirChecks]),
        feedback: feedback ? `## What was seen\n\n${output(feedback)}` : '',
      }),

    steerTask: ({ label, text }: { label: string; text: string }): string => steer({ label, text }),

    makePlan: (v: MakePlan): SystemAndPrompt =>
      plan({
        goal: v.goalText,
        steers: bullets(v.steers) || 'Nothing.',
        answers: v.answers.map(({ question, answer }) => `- ${question}\n  Answer: ${answer}`).join('\n') || 'None.',
        agents: v.agents.join(', ') || 'One; it has no name.',
        attempts: String(v.attemptsMax),
        finished: bullets(v.finished.map(({ key, title }) => `\`${key}\`: ${title}`)) || 'None.',
        previous: v.previous ? previousWords(v.previous) : 'There was none.',
        preferences: v.preferences ?? 'Nothing.',
        survey: asData('survey', v.surveyMarkdown, SURVEY_MAX),
        memory: v.memoryMarkdown ? asData('memory', v.memoryMarkdown, MEMORY_MAX) : 'Nothing that bears on this goal.',
        looked: v.lookedUp || 'Nothing.',
      }),

    lookUp: (v: LookUp): SystemAndPrompt =>
      lookUp({
        goal: v.goalText,
        tools: v.tools.length > 0 ? asData('tools', v.tools.map(toolWords).join('\n'), TOOLS_MAX) : 'None.',
        skills: bullets(v.skills.map(({ name, description }) => `\`${name}\`: ${description}`)) || 'None.',
        survey: asData('survey', v.surveyMarkdown, LOOK_UP_SURVEY_MAX),
        found: v.found.join('\n\n') || 'Nothing yet.',
        left: `You may make ${v.callsLeft} more calls.`,
      }),

    review: (v: ReviewTask): SystemAndPrompt =>
      review({
        goal: v.goalText,
        title: v.task.title,
        brief: v.task.brief,
        footprint: [...v.contract.footprint, ...v.contract.sharedPaths].map(code).join(', '),
        results: v.results.map(resultWords).join('\n\n') || 'No command was run.',
        overlay: v.contract.overlay.map((file) => code(file.path)).join(', ') || 'none',
        guards: v.guards.length > 0 ? asData('guards', bullets(v.guards.map(guardWords)), RECORD_MAX) : 'Nothing.',
        diff: asData('diff', v.diff, DIFF_MAX),
      }),

    /** What memory gives to a run, below what it is to do. */
    remembered: ({ preferences, recalled }: { preferences: string | null; recalled: string | null }): string =>
      [
        ...(preferences === null ? [] : [`## What the owner always wants\n\n${preferences}`]),
        ...(recalled === null
          ? []
          : [`## What earlier work taught\n\nHints, not orders.\n\n${asData('memory', recalled, MEMORY_MAX)}`]),
      ].join('\n\n'),

    lessons: ({ goalText, record }: { goalText: string; record: string }): SystemAndPrompt =>
      lessons({ goal: goalText, record: asData('record', record, RECORD_MAX) }),

    readTime: ({ words, now, timezone }: { words: string; now: number; timezone: string }): SystemAndPrompt => {
      const on = (options: Intl.DateTimeFormatOptions) =>
        new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, ...options }).format(now)
      const weekday = new Intl.DateTimeFormat('en', { timeZone: timezone, weekday: 'long' }).format(now)
      const moment = on({ dateStyle: 'short', timeStyle: 'short' })
      return readTime({ words, timezone, weekday, now: moment })
    },

    writeUp: ({ goalText, record }: { goalText: string; record: string }): SystemAndPrompt =>
      writeUp({ goal: goalText, record: asData('record', record, RECORD_MAX) }),
  }
}

/** A schema that is long says little to a model. */
function toolWords({ name, description, inputSchema }: LookUp['tools'][number]): string {
  return `- ${name}: ${description}\n  input: ${JSON.stringify(inputSchema).slice(0, SCHEMA_MAX)}`
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n')
}

function headed(head: string, lines: readonly string[]): string {
  return lines.length > 0 ? `${head}\n\n${bullets(lines)}` : ''
}

function code(text: string): string {
  return `\`${text}\``
}

function checkList(checks: readonly Check[]): string {
  if (checks.length === 0) return 'There is no command; what you wrote is read.'
  const meaning = { 'fails-before': 'fails now and must pass', holds: 'must pass' }
  return bullets(checks.map((check) => `${check.name} (${meaning[check.kind]}): \`${check.command}\``))
}

function offLimitWords({ offLimits = [] }: Contract): string {
  return offLimits.length === 0
    ? ''
    : `Never change these, even where a glob above matches:\n\n${bullets(offLimits.map(code))}`
}

function overlayWords({ overlay }: Contract): string {
  if (overlay.length === 0) return ''
  const paths = bullets(overlay.map((file) => code(file.path)))
  return `Before they run, files are laid over the checkout that you do not see; what you write at these paths is replaced:\n\n${paths}`
}

function attemptsWords(left: number | null): string {
  if (left === null) return ''
  return left <= 1
    ? 'This is the last attempt before the owner is asked.'
    : `After ${left} more failed attempts the owner is asked.`
}

/** What commands printed: real words, and no instructions. */
function output(text: string): string {
  return asData('feedback', text, FEEDBACK_MAX)
}

function previousWords({ draft, reasons }: NonNullable<MakePlan['previous']>): string {
  const why =
    reasons.length > 0
      ? `It was sent back for these reasons; each must be met:\n\n${asData('reasons', bullets(reasons), PREVIOUS_MAX)}`
      : 'It is replaced because the owner said more since.'
  return `${asData('plan', JSON.stringify(draft, null, 1), PREVIOUS_MAX)}\n\n${why}`
}

function resultWords(result: CheckResult): string {
  const how = result.timedOut ? 'time limit' : `exit ${result.exitCode ?? 'by a signal'}`
  const head = `- ${result.name} (${result.kind}): ${code(result.command)}: ${result.passed ? 'passed' : 'FAILED'} (${how}${result.flaky ? '; flaky: it says one thing and then another on the same files' : ''})`
  return result.tail.trim() === '' ? head : `${head}\n${asData('output', result.tail.slice(-OUTPUT_MAX), OUTPUT_MAX)}`
}

function guardWords({ guard, level, path, detail }: GuardFinding): string {
  return `${guard} (${level})${path ? ` ${path}` : ''}: ${detail}`
}
