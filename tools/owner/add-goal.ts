import { z } from 'zod'
import { Autonomy, Land } from '../../core/goal.ts'
import { PlanDraft } from '../../core/plan.ts'
import { GoalShape, goalLine, shapeGoal } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const addGoal = defineTool({
  name: 'add_goal',
  title: 'Add a goal',
  description:
    'Hand a piece of work to Claw: it plans it, runs coding agents, proves their work itself and lands it. Returns at once with the goal’s number; follow it with watch_goal. Once this answers, the goal survives a restart.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({
    text: z
      .string()
      .trim()
      .min(1)
      .max(100_000)
      .describe('What is wanted, in plain words: outcome, limits, how to tell that it is done.'),
    repo: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe('Absolute path or URL of a git repository. Without it the goal gets a fresh workspace.'),
    branch: z
      .string()
      .min(1)
      .max(250)
      .optional()
      .describe('The branch the work is for; default: the one that is checked out.'),
    land: Land.optional().describe(
      'How the result arrives: kept as a branch, merged into the target, or as a pull request.',
    ),
    autonomy: Autonomy.optional().describe(
      'When the owner is asked: before the work, before landing, or only when something is wrong.',
    ),
    minutesMax: z.number().positive().optional().describe('Minutes of work before the owner is asked.'),
    attemptsMax: z.int().min(1).max(20).optional().describe('Failed attempts at a task before the owner is asked.'),
    usdMax: z.number().positive().optional().describe('US dollars on models before the owner is asked.'),
    agent: z.string().min(1).max(100).optional().describe('The agent to use; show_status lists them.'),
    plan: PlanDraft.optional().describe(
      'A ready plan. Without one Claw makes its own; give one only if you were asked to.',
    ),
    key: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('The same key twice gives the same goal: use one when you may have to call again.'),
  }),
  output: GoalShape,
  async run({ key, ...goal }, { goals }, { by }) {
    return shapeGoal(await goals.add({ ...goal, source: { surface: 'mcp', from: by }, idempotencyKey: key ?? null }))
  },
  text: (goal) => `Added. ${goalLine(goal)}\nFollow it: watch_goal {"goal": "${goal.goal}"}`,
})
