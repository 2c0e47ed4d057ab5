/**
 * The report of a goal, as Markdown, from its rows alone.
 *
 * Pure: nothing is read, nothing is judged anew. "Passed" is written where a proof says so and
 * nowhere else; what failed, was left or was not looked at is said as plainly as what was done.
 */
import type { EffectRow } from '../../core/act.ts'
import { isOutstanding, undoStepWords } from '../../core/act-words.ts'
import type { Ask } from '../../core/ask.ts'
import type { Goal } from '../../core/goal.ts'
import type { Landing } from '../../core/landing.ts'
import type { Plan } from '../../core/plan.ts'
import type { Proof } from '../../core/proof.ts'
import type { Run } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import { addUsage, NO_USAGE } from '../brain/usage.ts'
import type { GoalCost } from '../gateway/goal-cost.ts'
import { bullets, code, duration, line, quote, table } from './markdown.ts'
import { effectLine, proofTable, taskSection } from './task-section.ts'

/** Rows of one goal, each list oldest first. */
export interface ReportFacts {
  goal: Goal
  /** The plan that was worked by; null where there never was one. */
  plan: Plan | null
  tasks: readonly Task[]
  runs: readonly Run[]
  proofs: readonly Proof[]
  landings: readonly Landing[]
  asks: readonly Ask[]
  /** What its acts may have changed outside; left out: nothing. */
  effects?: readonly EffectRow[]
  now: number
  /** A first paragraph in a brain's words, where there is one. */
  words?: string | null
  /** What the gateway counted; left out or empty: only what the agents reported is known. */
  cost?: GoalCost
}

export function renderReport(facts: ReportFacts): string {
  const { goal } = facts
  const sections = [
    `# Goal #${goal.number}: ${line(goal.text.split('\n')[0] ?? '', 100)}`,
    outcomeWords(facts),
    facts.words ? line(facts.words, 4000) : '',
    section('What was asked', quote(goal.text)),
    section('What there is now', resultWords(facts)),
    section('Not done', leftOver(facts)),
    section('Tasks', taskSections(facts)),
    section('The goal as a whole', goalProof(facts)),
    section('What you decided', decisions(facts)),
    section('Cost and time', costWords(facts)),
    section('How it was kept apart', sandboxWords(facts.proofs)),
    section('See and undo', undoWords(facts)),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function section(title: string, body: string): string {
  return body === '' ? '' : `## ${title}\n\n${body}`
}

function outcomeWords({ goal, tasks }: ReportFacts): string {
  const words = { met: 'Met', dropped: 'Dropped', open: 'Not finished', paused: 'Paused, not finished' }[goal.state]
  const done = tasks.filter((task) => task.state === 'done').length
  const count = tasks.length > 0 ? ` ${done} of ${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'} done.` : ''
  return `**${words}.**${count}${goal.outcome ? ` ${line(goal.outcome)}` : ''}`
}

function resultWords({ goal, plan, tasks, landings }: ReportFacts): string {
  const done = tasks.filter((task) => task.state === 'done')
  const landed = findGoalLanding(landings)
  const branch = code(goal.branch)
  const lines = [
    ...(plan?.draft ? [`The plan was: ${line(plan.draft.summary, 2000)}`] : []),
    ...done.map((task) => `${taskLabel(goal.number, task.number)} ${line(task.spec.title)}`),
  ]
  if (landed) lines.push(`It is on ${code(landed.branch)}, at ${code(shortOf(landed.merged ?? landed.commit))}.`)
  else if (done.length > 0 && done.every((task) => task.spec.kind === 'act'))
    lines.push(`It is outside the repository; ${code(goal.targetBranch)} was not changed.`)
  else if (done.length > 0) lines.push(`It is on the branch ${branch}; ${code(goal.targetBranch)} was not changed.`)
  else lines.push(`Nothing was added; ${code(goal.targetBranch)} was not changed.`)
  return bullets(lines, 80)
}

function leftOver({ goal, tasks, asks, landings }: ReportFacts): string {
  const left = tasks
    .filter((task) => task.state !== 'done')
    .map((task) => {
      const why = task.reason ? `: ${line(task.reason)}` : ''
      return `${taskLabel(goal.number, task.number)} ${line(task.spec.title)} is ${task.state}${why}`
    })
  const open = asks
    .filter((ask) => ask.state === 'open')
    .map((ask) => `Waits for you: ask ${ask.number}, ${line(ask.question)}`)
  const last = landings.findLast((landing) => landing.taskId === null)
  const stuck =
    last && last.state !== 'landed'
      ? [`${code(last.branch)} was not moved (${last.state})${last.note ? `: ${line(last.note)}` : ''}`]
      : []
  return bullets([...left, ...stuck, ...open], 80)
}

function taskSections({ goal, tasks, runs, proofs, effects = [] }: ReportFacts): string {
  return tasks
    .map((task) =>
      taskSection({
        goalNumber: goal.number,
        task,
        runs: runs.filter((run) => run.taskId === task.id),
        proofs: proofs.filter((proof) => proof.taskId === task.id),
        effects: effects.filter((effect) => effect.taskId === task.id),
      }),
    )
    .join('\n\n')
}

function goalProof({ goal, proofs }: ReportFacts): string {
  const proof = proofs.findLast((each) => each.taskId === null)
  return proof ? proofTable(proof, `claw proof ${goal.number}`) : ''
}

function decisions({ asks, plan }: ReportFacts): string {
  const kept = plan?.draft?.offLimits ?? []
  const standing =
    kept.length > 0
      ? [`Standing notes of yours kept the work out of ${kept.map((glob) => code(glob)).join(', ')}.`]
      : []
  return bullets([
    ...standing,
    ...asks.flatMap(({ question, choices, answer }) => {
      if (!answer) return []
      const label = choices.find((choice) => choice.id === answer.choice)?.label ?? answer.choice
      const said = [label, answer.text].filter((part) => part !== null && part !== '').map((part) => line(part!))
      return [`${line(question)} **${said.join(': ')}** (by ${line(answer.by)})`]
    }),
  ])
}

function costWords({ goal, runs, now, cost }: ReportFacts): string {
  const metered = new Map(cost?.sheet.rows.map((row) => [row.key, row]))
  const agents = [...new Set([...runs.map((run) => run.agent), ...metered.keys()])]
  const rows = agents.map((agent) => {
    const own = runs.filter((run) => run.agent === agent)
    const usage = own.reduce((sum, run) => addUsage(sum, run.usage), NO_USAGE)
    const worked = own.reduce((sum, run) => sum + Math.max(0, (run.endedAt ?? now) - run.startedAt), 0)
    const row = metered.get(agent)
    const counted = row ?? usage
    const unknown = row ? 'no price known' : 'not reported'
    const money = counted.usd === null ? unknown : `$${counted.usd.toFixed(2)}${row?.unpriced ? ' and more' : ''}`
    return [
      line(agent),
      String(own.length),
      duration(worked),
      String(counted.inputTokens),
      String(counted.cachedTokens),
      String(counted.outputTokens),
      money,
    ]
  })
  const whole = `From the goal to this report: ${duration((goal.endedAt ?? now) - goal.createdAt)}, waiting included.`
  if (rows.length === 0) return whole
  const heads = ['agent', 'runs', 'time', 'tokens in', 'of them cached', 'tokens out', 'cost']
  return [table(heads, rows), ...(cost?.compared ? [cost.compared] : []), whole].join('\n\n')
}

function sandboxWords(proofs: readonly Proof[]): string {
  const inside = proofs.filter((proof) => proof.sandbox !== 'outside')
  const kinds = [...new Set(inside.map((proof) => proof.sandbox))]
  if (kinds.length === 0) return ''
  const open = proofs.filter((proof) => proof.sandbox === 'none').length
  const words = `Checks ran in: ${kinds.map((kind) => line(kind)).join(', ')}.`
  if (open === 0) return words
  return `${words} ${open} of ${proofs.length} proofs were made **without a sandbox**: what ran there could read and change whatever your user can.`
}

/** What is written here works without Claw too. */
function undoWords({ goal, tasks, proofs, landings, effects = [] }: ReportFacts): string {
  const landed = findGoalLanding(landings)
  const proven = tasks.find((task) => proofs.some((proof) => proof.taskId === task.id))
  const lines = [`${code(`claw review ${goal.number}`)} shows the change as a whole.`]
  if (proven) {
    lines.push(
      `${code(`claw proof ${taskLabel(goal.number, proven.number)}`)} runs the checks of a task again, on the same commit.`,
    )
  }
  if (landed?.merged) {
    lines.push(
      `${code(`claw undo ${goal.number}`)} takes the change back out of ${code(landed.branch)} with a new commit.`,
    )
    const patch = `git diff --binary ${shortOf(landed.onto)} ${shortOf(landed.merged)} | git apply --reverse --3way`
    lines.push(`Without Claw, on ${code(landed.branch)}: ${code(patch)}, then ${code('git commit')}.`)
  } else if (tasks.some((task) => task.state === 'done' && task.spec.kind !== 'act')) {
    lines.push(
      `${code(`git merge ${goal.branch}`)} takes the change; ${code(`git branch -D ${goal.branch}`)} throws the branch away.`,
    )
  }
  return [bullets(lines), undoOutside(goal, tasks, effects)].filter((text) => text !== '').join('\n\n')
}

/** The steps stand here whole: they must be of use to somebody who has nothing but this page. */
function undoOutside(goal: Goal, tasks: readonly Task[], effects: readonly EffectRow[]): string {
  const left = effects.filter(isOutstanding).reverse()
  if (left.length === 0) return ''
  const steps = left.map((effect, index) => {
    const act = tasks.find((task) => task.id === effect.taskId)?.spec.act
    return `${index + 1}. ${effectLine(effect)}: ${undoStepWords(effect.spec, act)}`
  })
  return `Outside the repository, ${code(`claw undo ${goal.number}`)} lists these steps and runs them once you say so. Without Claw, in this order:\n\n${steps.join('\n')}`
}

function findGoalLanding(landings: readonly Landing[]): Landing | undefined {
  return landings.findLast((landing) => landing.taskId === null && landing.state === 'landed')
}

function shortOf(commit: string): string {
  return commit.slice(0, 12)
}
