import { z } from 'zod'
import { GoalName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const showPlan = defineTool({
  name: 'show_plan',
  title: 'Show a goal’s plan',
  description:
    'Show the plan of a goal as it is now: tasks with their briefs, checks and what they may change, the planner’s questions, and earlier versions with why they were refused.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({ goal: GoalName }),
  output: z.object({
    goal: z.int(),
    version: z.int().nullable().describe('Null while there is no plan yet.'),
    state: z.string().nullable(),
    summary: z.string().nullable(),
    tasks: z.array(
      z.object({
        key: z.string(),
        title: z.string(),
        brief: z.string(),
        needs: z.array(z.string()),
        footprint: z.array(z.string()),
        checks: z.array(z.object({ name: z.string(), command: z.string(), kind: z.string() })),
        agent: z.string().nullable(),
      }),
    ),
    checks: z
      .array(z.object({ name: z.string(), command: z.string(), kind: z.string() }))
      .describe('Of the goal as a whole.'),
    questions: z.array(z.string()),
    baseline: z.array(z.string()).describe('What each check did before the work.'),
    versions: z.array(
      z.object({ version: z.int(), state: z.string(), author: z.string(), reasons: z.array(z.string()) }),
    ),
  }),
  async run({ goal: name }, { goals }) {
    const { goal, plan, versions } = await goals.show(name)
    const draft = plan?.draft ?? null
    const short = ({ name, command, kind }: { name: string; command: string; kind: string }) => ({
      name,
      command,
      kind,
    })
    return {
      goal: goal.number,
      version: plan?.version ?? null,
      state: plan?.state ?? null,
      summary: draft?.summary ?? null,
      tasks: (draft?.tasks ?? []).map(({ key, title, brief, needs, footprint, checks, agent }) => ({
        key,
        title,
        brief,
        needs,
        footprint,
        checks: checks.map(short),
        agent,
      })),
      checks: (draft?.checks ?? []).map(short),
      questions: draft?.questions ?? [],
      baseline: plan?.baseline ?? [],
      versions,
    }
  },
  text({ goal, version, state, summary, tasks, checks, questions, versions }) {
    if (version === null) return `Goal #${goal} has no plan yet.`
    return [
      `Plan ${version} of goal #${goal} (${state})${summary ? `: ${summary}` : ', not written yet'}`,
      ...tasks.flatMap((task) => [
        `\n## ${task.key}: ${task.title}${task.needs.length > 0 ? ` (after ${task.needs.join(', ')})` : ''}`,
        task.brief,
        `may change: ${task.footprint.join(', ')}`,
        ...task.checks.map((check) => `- ${check.kind}: ${check.name} \`${check.command}\``),
      ]),
      ...(checks.length > 0
        ? ['\n## of the whole goal', ...checks.map((check) => `- ${check.name} \`${check.command}\``)]
        : []),
      ...questions.map((question) => `? ${question}`),
      ...versions
        .filter(({ reasons }) => reasons.length > 0)
        .map((old) => `version ${old.version} ${old.state}: ${old.reasons.join('; ')}`),
    ].join('\n')
  },
})
