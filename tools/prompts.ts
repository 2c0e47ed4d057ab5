/** Ready beginnings of a conversation, for a person to choose in their client. */
import { completable, type McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { OwnerContext } from './context.ts'
import type { Guidance } from './guidance.ts'

export function addPrompts(server: McpServer, { goals, memory }: OwnerContext, guidance: Guidance): void {
  server.registerPrompt(
    'plan_goal',
    {
      title: 'Plan a goal',
      description: 'Turn a wish into a goal that Claw can prove.',
      argsSchema: z.object({
        text: z.string().min(1).max(20_000).describe('What you want.'),
        repo: z.string().max(4096).optional().describe('The repository: path or URL.'),
      }),
    },
    ({ text, repo }) => said(guidance.planGoal({ text, repo: repo || 'not said; ask' })),
  )
  const names = async (typed: string) =>
    (await goals.list({ state: 'all' }))
      .map(({ goal }) => String(goal.number))
      .filter((name) => name.startsWith(typed))
      .slice(0, 100)
  server.registerPrompt(
    'review_result',
    {
      title: 'Review a result',
      description: 'Judge what was done on a goal or task before it lands.',
      argsSchema: z.object({
        what: completable(z.string().min(1).max(100).describe('A goal (12) or a task (12.3).'), names),
      }),
    },
    ({ what }) => said(guidance.reviewResult({ what })),
  )
  if (!memory) return
  server.registerPrompt(
    'write_note',
    {
      title: 'Write a note',
      description: 'Put something into words that later work can use.',
      argsSchema: z.object({ topic: z.string().min(1).max(4000).describe('What it is about.') }),
    },
    ({ topic }) => said(guidance.writeNote({ topic })),
  )
}

function said(text: string) {
  return { messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }] }
}
