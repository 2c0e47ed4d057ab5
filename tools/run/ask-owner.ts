import { z } from 'zod'
import { SECOND } from '../../core/clock.ts'
import { defineTool } from '../tool.ts'

export const askOwner = defineTool({
  name: 'ask_owner',
  title: 'Ask the owner',
  description:
    'Ask the owner something that only they can decide and that you cannot find out yourself. It waits a while for the answer. Without one yet, go on with what does not depend on it and call again with exactly the same words: it is the same question, and the answer is kept.',
  scope: 'run',
  readOnly: false,
  destructive: false,
  idempotent: true,
  waits: true,
  input: z.strictObject({
    question: z
      .string()
      .trim()
      .min(1)
      .max(1000)
      .describe('One sentence that can be answered without reading your work.'),
    detail: z
      .string()
      .trim()
      .max(8000)
      .default('')
      .describe('What is needed to decide: the choices and what follows from each. Markdown.'),
    choices: z.array(z.string().trim().min(1).max(200)).max(8).default([]).describe('Ready answers, if there are any.'),
    waitSeconds: z
      .int()
      .min(0)
      .max(600)
      .default(45)
      .describe('How long to wait; keep it below your own time limit for tools.'),
  }),
  output: z.object({
    state: z.enum(['answered', 'open', 'closed']),
    ask: z.int().describe('Its number in the owner’s inbox.'),
    answer: z.string().nullable(),
  }),
  async run({ question, detail, choices, waitSeconds }, run, { signal, progress }) {
    await progress(0, 'waiting for the owner')
    const said = await run.askOwner({ question, detail, choices, freeText: true }, waitSeconds * SECOND, signal)
    const answer = said.state === 'answered' ? [said.choice, said.text].filter(Boolean).join(': ') : null
    return { state: said.state, ask: said.ask, answer }
  },
  text({ state, ask, answer }) {
    if (state === 'answered') return `The owner answers: ${answer}`
    if (state === 'closed')
      return 'The question was closed without an answer. Decide yourself, and say what you decided in your last words.'
    return `Not answered yet (ask ${ask} stays open). Go on with what does not depend on it, then call ask_owner again with exactly the same words.`
  },
})
