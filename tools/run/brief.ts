import { z } from 'zod'
import { defineTool } from '../tool.ts'

export const brief = defineTool({
  name: 'brief',
  title: 'Your brief',
  description:
    'What you were asked to do, in full: the task, the goal it belongs to, which files you may change, the checks that will be run on your work, feedback on earlier attempts, and the other tasks of the goal.',
  scope: 'run',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({}),
  output: z.object({
    task: z.string(),
    title: z.string(),
    attempt: z.int(),
    brief: z.string(),
    goal: z.string(),
    footprint: z.array(z.string()),
    sharedPaths: z.array(z.string()),
    checks: z.array(z.object({ name: z.string(), command: z.string(), kind: z.enum(['fails-before', 'holds']) })),
    feedback: z.string().nullable(),
    others: z.array(z.object({ task: z.string(), title: z.string(), state: z.string() })),
  }),
  run: async (_, context) => context.brief(),
  text: ({ task, title, attempt, brief, goal, footprint, sharedPaths, checks, feedback, others }) =>
    [
      `# Task ${task}: ${title} (attempt ${attempt})`,
      brief,
      `\nIt is part of this goal: ${goal}`,
      `\nYou may change: ${[...footprint, ...sharedPaths].join(', ')}`,
      ...(checks.length > 0
        ? [
            '\nClaw itself will run these on what you leave behind:',
            ...checks.map(
              (check) =>
                `- ${check.name}: \`${check.command}\` (${check.kind === 'holds' ? 'must still pass' : 'fails now and must pass'})`,
            ),
          ]
        : []),
      ...(feedback ? [`\nWhat was wrong before: ${feedback}`] : []),
      ...(others.length > 0
        ? [
            '\nOther tasks of the goal, done by others:',
            ...others.map((other) => `- ${other.task} ${other.title}: ${other.state}`),
          ]
        : []),
    ].join('\n'),
})
