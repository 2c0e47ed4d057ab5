/**
 * The shapes that tools answer with: short, for models. Rows hold more than a model needs to decide.
 */
import { z } from 'zod'
import type { Ask } from '../core/ask.ts'
import { oneLine } from '../core/plain-text.ts'
import type { Proof } from '../core/proof.ts'
import type { GoalSummaryForTools, TaskForTools } from './context.ts'

/**
 * Text, told to clients as such. Answers hold goals and asks as numbers, so models and the Inspector send them back
 * as numbers. A label never: 12.10 would have become 12.1 on its way.
 */
const nameOrNumber = z.preprocess(
  (given) => (Number.isSafeInteger(given) ? String(given) : given),
  z.string().trim().min(1).max(100),
)

export const GoalName = nameOrNumber.describe('A goal by its number (`12`) or id.')
export const AskName = nameOrNumber.describe('Its number (`42`) or id.')
export const ScheduleName = nameOrNumber.describe('A schedule by its number (`3`) or name.')
export const TaskName = z.string().trim().min(1).max(100).describe('A task by its label (`12.3`) or id.')
export const EitherName = nameOrNumber.describe('A goal by its number (`12`) or a task by its label (`12.3`).')

export const GoalShape = z.object({
  goal: z.int().describe('Its number.'),
  text: z.string(),
  status: z.string(),
  words: z.string().describe('What it does or waits for.'),
  repository: z.string().nullable(),
  branch: z.string(),
  land: z.string(),
  tasks: z.object({ total: z.int(), done: z.int(), running: z.int(), failed: z.int() }),
  openAsks: z.int(),
})
export type GoalShape = z.infer<typeof GoalShape>

export function shapeGoal({ goal, status, words, repository, tasks, openAsks }: GoalSummaryForTools): GoalShape {
  const { number, text, branch, land } = goal
  return { goal: number, text: clip(text, 4000), status, words, repository, branch, land, tasks, openAsks }
}

export function goalLine({ goal, text, status, words, tasks, openAsks }: GoalShape): string {
  const asks = openAsks > 0 ? `, ${openAsks} waiting on you` : ''
  return `#${goal} ${clip(oneLine(text), 120)}: ${status}${words && words !== status ? ` (${oneLine(words)})` : ''}, ${tasks.done}/${tasks.total} tasks done${asks}`
}

export const TaskShape = z.object({
  task: z.string().describe('Its label.'),
  title: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  needs: z.array(z.string()),
  runs: z.int().describe('Attempts so far.'),
  agent: z.string().nullable().describe('The agent of the latest attempt.'),
  proof: z.string().nullable().describe('Its latest proof.'),
})
export type TaskShape = z.infer<typeof TaskShape>

export function shapeTask({ label, task, runs, proofs, needs }: TaskForTools): TaskShape {
  return {
    task: label,
    title: task.spec.title,
    state: task.state,
    reason: task.reason,
    needs,
    runs: runs.length,
    agent: runs.at(-1)?.agent ?? null,
    proof: proofs.at(-1)?.id ?? null,
  }
}

export function taskLine({ task, title, state, reason, needs }: TaskShape): string {
  const after = needs.length > 0 ? `, after ${needs.join(', ')}` : ''
  return `${task} ${oneLine(title)}: ${state}${reason ? ` (${oneLine(reason)})` : ''}${after}`
}

export const AskShape = z.object({
  ask: z.int().describe('Its number.'),
  kind: z.string(),
  question: z.string(),
  detail: z.string(),
  choices: z.array(z.object({ id: z.string(), label: z.string() })),
  freeText: z.boolean().describe('Whether words are an answer too.'),
  state: z.enum(['open', 'answered', 'moot']),
  answer: z.object({ choice: z.string().nullable(), text: z.string().nullable(), by: z.string() }).nullable(),
})
export type AskShape = z.infer<typeof AskShape>

export function shapeAsk({ number, kind, question, detail, choices, freeText, state, answer }: Ask): AskShape {
  return {
    ask: number,
    kind,
    question,
    detail: clip(detail, 8000),
    choices,
    freeText,
    state,
    answer: answer && { choice: answer.choice, text: answer.text, by: answer.by },
  }
}

export function askLine({ ask, question, choices, freeText, state, answer }: AskShape): string {
  if (state === 'answered')
    return `? ${ask} ${oneLine(question)}: answered ${[answer?.choice, answer?.text].filter(Boolean).join(', ')}`
  if (state === 'moot') return `? ${ask} ${oneLine(question)}: closed, what it was about is gone`
  const ways = [...choices.map(({ id, label }) => `${id} (${oneLine(label)})`), ...(freeText ? ['words'] : [])]
  return `? ${ask} ${oneLine(question)} Answer with: ${ways.join(' | ')}`
}

export const ProofShape = z.object({
  proof: z.string(),
  kind: z.enum(['task', 'landing']),
  passed: z.boolean(),
  commit: z.string(),
  base: z.string(),
  sandbox: z.string(),
  checks: z.array(
    z.object({
      name: z.string(),
      command: z.string(),
      kind: z.string(),
      passed: z.boolean(),
      exitCode: z.int().nullable(),
      timedOut: z.boolean(),
      tail: z.string().describe('The end of its output.'),
      outputDigest: z.string(),
    }),
  ),
  guards: z.array(z.object({ guard: z.string(), level: z.string(), path: z.string().nullable(), detail: z.string() })),
  setup: z.string().nullable().describe('Why the clean checkout could not be set up; null: it could.'),
  review: z
    .object({
      reviewer: z.string(),
      summary: z.string(),
      findings: z.array(z.object({ class: z.string(), path: z.string().nullable(), detail: z.string() })),
    })
    .nullable(),
})
export type ProofShape = z.infer<typeof ProofShape>

export function shapeProof(proof: Proof): ProofShape {
  const { id, kind, passed, commit, base, sandbox, results, guards, setup, review } = proof
  const checks = results.map(({ name, command, kind, passed, exitCode, timedOut, tail, outputDigest }) => ({
    name,
    command,
    kind,
    passed,
    exitCode,
    timedOut,
    tail: lastOf(tail, 2000),
    outputDigest,
  }))
  const why = setup && `\`${setup.command}\` ended with ${setup.exitCode ?? 'a signal'}: ${lastOf(setup.tail, 1000)}`
  return { proof: id, kind, passed, commit, base, sandbox, checks, guards, setup: why, review }
}

export function proofLines({ proof, passed, commit, checks, guards, setup, review }: ProofShape): string {
  return [
    `${proof}: ${passed ? 'passed' : 'not passed'}, on commit ${commit.slice(0, 12)}`,
    ...(setup ? [`set-up failed: ${setup}`] : []),
    ...checks.map((check) => {
      const how = check.passed
        ? 'passed'
        : check.timedOut
          ? 'timed out'
          : `failed (exit ${check.exitCode ?? 'by a signal'})`
      return `- ${oneLine(check.name)} \`${oneLine(check.command)}\`: ${how}${check.passed ? '' : `\n${check.tail}`}`
    }),
    ...guards.map(
      ({ guard, level, path, detail }) => `- ${guard} (${level})${path ? ` ${path}` : ''}: ${oneLine(detail)}`,
    ),
    ...(review ? [`review by ${review.reviewer}: ${review.summary}`] : []),
    ...(review?.findings ?? []).map(
      (finding) => `- ${finding.class}${finding.path ? ` ${finding.path}` : ''}: ${finding.detail}`,
    ),
  ].join('\n')
}

/** At most so many characters, with an ellipsis where something is missing. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`
}

export function lastOf(text: string, max: number): string {
  return text.length <= max ? text : `…${text.slice(-(max - 1))}`
}
