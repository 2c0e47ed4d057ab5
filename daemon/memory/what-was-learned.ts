import type { Run } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { AgentResult, Conventions, SeenCheck } from '../../memory/facts.ts'
import { isTestPath } from '../proof/test-code.ts'
import type { ReportFacts } from '../reports/report.ts'

/**
 * What a goal that has ended teaches, from its rows. Pure; no model is asked.
 *
 * Numbers for the facts that are counted, an episode in a few lines, and what went wrong on the way: the
 * record that lessons are drawn from.
 */
export interface Learned {
  results: AgentResult[]
  checks: SeenCheck[]
  conventions: Conventions
  episode: { title: string; text: string }
  /** A line each; empty where nothing went wrong and the owner had nothing to say. */
  troubles: string[]
}

const TEXT_MAX = 600
const LINE_MAX = 300
const LINES_MAX = 40
/** Said by the shell, not by the check: it could not be run. */
const NOT_RUN = new Set([126, 127])

export function whatWasLearned(facts: ReportFacts, files: readonly string[]): Learned {
  return {
    results: resultsOf(facts),
    checks: checksOf(facts),
    conventions: conventionsOf(facts, files),
    episode: episodeOf(facts),
    troubles: [...troublesOf(facts), ...wordsOfTheOwner(facts)].slice(0, LINES_MAX),
  }
}

/** By task and agent: who worked on it, and whether what landed was theirs. */
function resultsOf({ tasks, runs }: ReportFacts): AgentResult[] {
  return tasks.flatMap((task) => {
    const own = runs.filter((run) => run.taskId === task.id && run.agent !== 'owner' && isTelling(run))
    const last = own.at(-1)?.agent
    return [...new Set(own.map(({ agent }) => agent))].map((agent) => {
      const mine = own.filter((run) => run.agent === agent)
      const usd = mine.every((run) => run.usage.usd !== null)
        ? mine.reduce((sum, run) => sum + run.usage.usd!, 0)
        : null
      return {
        agent,
        kindOfTask: task.spec.kind,
        passed: task.state === 'done' && agent === last,
        runs: mine.length,
        durationMs: mine.reduce((sum, run) => sum + Math.max(0, (run.endedAt ?? run.startedAt) - run.startedAt), 0),
        usd,
        at: task.endedAt ?? task.createdAt,
      }
    })
  })
}

/** What the place or the provider did is not the agent's doing. */
function isTelling(run: Run): boolean {
  return run.outcome === 'done' || run.failure === 'work'
}

function checksOf({ proofs }: ReportFacts): SeenCheck[] {
  return proofs.flatMap(({ tree, results }) =>
    results
      .filter((result) => !result.timedOut && !NOT_RUN.has(result.exitCode ?? 0))
      .flatMap(({ command, passed, flaky }) => {
        const seen = { command, tree, passed }
        return flaky ? [seen, { ...seen, passed: !passed }] : [seen]
      }),
  )
}

/** What the plan said must hold before and after, of work that is done; a landing calls every check so. */
function conventionsOf({ plan, tasks }: ReportFacts, files: readonly string[]): Conventions {
  const done = tasks.filter((task) => task.state === 'done')
  const checks = done.length > 0 ? [...(plan?.draft?.checks ?? []), ...done.flatMap((task) => task.spec.checks)] : []
  const holds = checks.filter((check) => check.kind === 'holds').map(({ command }) => command)
  const folders = files.filter(isTestPath).map((path) => path.slice(0, Math.max(0, path.lastIndexOf('/'))) || '.')
  return { checks: [...new Set(holds)], testFolders: [...new Set(folders)] }
}

function episodeOf({ goal, plan, tasks, runs, now }: ReportFacts): Learned['episode'] {
  const date = new Date(goal.endedAt ?? now).toISOString().slice(0, 10)
  const lines = tasks.map((task) => {
    const agents = [...new Set(runs.filter((run) => run.taskId === task.id).map(({ agent }) => agent))]
    const by = agents.length > 0 ? `, by ${agents.join(' and ')}` : ''
    const why = task.state !== 'done' && task.reason ? `: ${line(task.reason)}` : ''
    return `- ${labelOf(goal.number, task)} ${line(task.spec.title)} (${task.spec.footprint.slice(0, 4).join(', ')}): ${task.state}${by}${why}`
  })
  const text = [
    `Goal #${goal.number} was ${goal.state} on ${date}. What was asked: ${line(goal.text, TEXT_MAX)}`,
    ...(plan?.draft ? [`The plan was: ${line(plan.draft.summary, TEXT_MAX)}`] : []),
    ...(lines.length > 0 ? [lines.slice(0, LINES_MAX).join('\n')] : []),
    ...(goal.outcome ? [line(goal.outcome)] : []),
  ]
  return { title: `Goal #${goal.number}: ${line(goal.text, 100)}`, text: text.join('\n\n') }
}

function troublesOf({ goal, tasks, runs, proofs }: ReportFacts): string[] {
  return tasks.flatMap((task) => {
    const label = `${labelOf(goal.number, task)} "${line(task.spec.title, 100)}"`
    const ended = runs.filter((run) => run.taskId === task.id && run.failure !== null && run.note)
    const failedRuns = ended.map((run) => `${label}: a run of ${run.agent} failed (${run.failure}): ${line(run.note!)}`)
    const red = proofs
      .filter((proof) => proof.taskId === task.id && proof.kind === 'task' && !proof.passed)
      .map((proof) => `${label}: was not proven: ${proof.setup ? setupWords(proof.setup) : redWords(proof)}`)
    const end = failedRuns.length + red.length > 0 ? [`${label}: in the end ${task.state}`] : []
    return [...failedRuns, ...red, ...end]
  })
}

function setupWords({ command, exitCode, tail }: { command: string; exitCode: number | null; tail: string }): string {
  return `set-up \`${line(command, 120)}\` ended with ${exitCode ?? 'a signal'}: ${line(tail.slice(-LINE_MAX))}`
}

function redWords({ results, guards }: ReportFacts['proofs'][number]): string {
  const failed = results.filter((result) => !result.passed)
  const words = failed.map((result) => `\`${line(result.command, 120)}\` failed: ${line(result.tail.slice(-LINE_MAX))}`)
  const stops = guards.filter(({ level }) => level === 'stop').map(({ detail }) => line(detail))
  return [...words, ...stops].slice(0, 4).join('; ')
}

function wordsOfTheOwner({ asks }: ReportFacts): string[] {
  return asks.flatMap(({ question, answer }) =>
    answer?.text ? [`Asked "${line(question, 200)}", the owner said: ${line(answer.text, TEXT_MAX)}`] : [],
  )
}

function labelOf(goalNumber: number, task: Task): string {
  return taskLabel(goalNumber, task.number)
}

function line(text: string, charsMax = LINE_MAX): string {
  const flat = text.replace(/\s+/g, ' ').trim()
  return flat.length <= charsMax ? flat : `${flat.slice(0, charsMax - 1)}…`
}
