import { z } from 'zod'
import { defineTool } from '../tool.ts'

export const showStatus = defineTool({
  name: 'show_status',
  title: 'Show the daemon’s state',
  description: 'Which agents can work here, what plans and reviews, how work is confined, and how much is going on.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({}),
  output: z.object({
    version: z.string(),
    brain: z.string(),
    model: z.string().nullable(),
    memory: z.string(),
    sandbox: z.string(),
    agents: z.array(z.object({ name: z.string(), found: z.boolean(), words: z.string() })),
    goals: z.object({ open: z.int(), waiting: z.int() }),
    runs: z.int(),
  }),
  async run(_, { status }) {
    const { version, brain, model, memory, sandbox, agents, goals, runs } = await status()
    return {
      version,
      brain,
      model,
      memory,
      sandbox: sandbox.words,
      agents: agents.map(({ name, found, words }) => ({ name, found, words })),
      goals,
      runs,
    }
  },
  text: ({ version, brain, memory, sandbox, agents, goals, runs }) =>
    [
      `Claw ${version}: ${goals.open} open goals, ${goals.waiting} waiting on the owner, ${runs} runs`,
      ...agents.map((agent) => `agent ${agent.name}: ${agent.words}`),
      `brain: ${brain}`,
      `memory: ${memory}`,
      `sandbox: ${sandbox}`,
    ].join('\n'),
})
