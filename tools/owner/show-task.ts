import { z } from 'zod'
import { clip, shapeTask, TaskName, TaskShape, taskLine } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const showTask = defineTool({
  name: 'show_task',
  title: 'Show a task',
  description: 'Show one task: what its agent was told, every attempt and how it ended, and its proofs.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({ task: TaskName }),
  output: TaskShape.extend({
    brief: z.string(),
    footprint: z.array(z.string()),
    checks: z.array(z.object({ name: z.string(), command: z.string(), kind: z.string() })),
    worktree: z.string().nullable(),
    commit: z.string().nullable(),
    attempts: z.array(
      z.object({
        attempt: z.int(),
        agent: z.string(),
        purpose: z.string(),
        state: z.string(),
        outcome: z.string().nullable(),
        failure: z.string().nullable(),
        note: z.string().nullable(),
      }),
    ),
    proofs: z.array(z.object({ proof: z.string(), kind: z.string(), passed: z.boolean(), commit: z.string() })),
  }),
  async run({ task: name }, { goals }) {
    const view = await goals.showTask(name)
    const { spec, worktree, commit } = view.task
    return {
      ...shapeTask(view),
      brief: spec.brief,
      footprint: spec.footprint,
      checks: spec.checks.map(({ name, command, kind }) => ({ name, command, kind })),
      worktree,
      commit,
      attempts: view.runs.map(({ attempt, agent, purpose, state, outcome, failure, note }) => ({
        attempt,
        agent,
        purpose,
        state,
        outcome,
        failure,
        note: note === null ? null : clip(note, 1000),
      })),
      proofs: view.proofs.map(({ id, kind, passed, commit }) => ({ proof: id, kind, passed, commit })),
    }
  },
  text: (task) =>
    [
      taskLine(task),
      task.brief,
      `may change: ${task.footprint.join(', ')}`,
      ...task.checks.map((check) => `- ${check.kind}: ${check.name} \`${check.command}\``),
      ...task.attempts.map(
        (run) =>
          `attempt ${run.attempt} by ${run.agent} (${run.purpose}): ${run.outcome ?? run.state}${run.failure ? `, ${run.failure}` : ''}${run.note ? `: ${run.note}` : ''}`,
      ),
      ...task.proofs.map((proof) => `${proof.proof} (${proof.kind}): ${proof.passed ? 'passed' : 'not passed'}`),
      ...(task.worktree ? [`worktree: ${task.worktree}`] : []),
    ].join('\n'),
})
