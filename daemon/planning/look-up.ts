/**
 * Lets the brain look things up before it plans: with tools of the owner's other servers and with skills.
 *
 * In a few bounded rounds, by the same kind of question as the plan itself, so that it works with every brain, a
 * program with no tools of its own among them. Where there is nothing to look up with, nothing is asked. What comes
 * back is material for the plan; a tool that fails is said to have failed.
 */
import { z } from 'zod'
import { isFault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Brain } from '../brain/brain.ts'
import type { OutsideTools } from '../mcp-client/outside-tools.ts'
import { asData } from '../prompts/data.ts'
import type { Prompts, SystemAndPrompt } from '../prompts/prompts.ts'
import type { Skill, Skills } from '../skills/skills.ts'

export interface LookUpDeps {
  brain: Pick<Brain, 'ask'>
  prompts: Pick<Prompts, 'lookUp'>
  outside: Pick<OutsideTools, 'offered' | 'call'>
  skills: Pick<Skills, 'usable'>
}

const ROUNDS_MAX = 3
const CALLS_MAX = 8
const FINDING_CHARS_MAX = 16_000

const Wanted = z.object({
  calls: z
    .array(z.object({ tool: z.string(), input: z.string().describe('A JSON object, as text') }))
    .describe('At most four; empty when nothing more is needed'),
  skills: z.array(z.string()).describe('Names of skills to read whole; mostly empty'),
})

export function createLookUp({ brain, prompts, outside, skills }: LookUpDeps) {
  /** What was found, in Markdown, and the skills that agents can use; null where there is nothing. */
  return async (input: { goal: Goal; commit: string; survey: string }, signal: AbortSignal): Promise<string | null> => {
    const { goal, commit, survey } = input
    const [tools, usable] = await Promise.all([outside.offered('brain'), skills.usable(goal, commit)])
    if (tools.length === 0 && usable.length === 0) return null
    const found: string[] = []
    const read = new Set<string>()
    let calls = 0
    for (let round = 0; round < ROUNDS_MAX && calls < CALLS_MAX; round++) {
      const question = prompts.lookUp({
        goalText: goal.text,
        surveyMarkdown: survey,
        tools,
        skills: usable,
        found,
        callsLeft: CALLS_MAX - calls,
      })
      const value = await ask(goal, question, signal)
      const wanted = value.skills.filter((name) => !read.has(name))
      if (value.calls.length === 0 && wanted.length === 0) break
      for (const name of wanted) {
        read.add(name)
        found.push(readWhole(name, usable))
      }
      for (const { tool, input } of value.calls.slice(0, CALLS_MAX - calls)) {
        calls++
        found.push(await lookUp(goal, tool, input, signal))
      }
    }
    const listed = usable.map(({ name, description }) => `- \`${name}\`: ${description}`)
    return [
      ...(listed.length > 0
        ? [`Skills that agents can read with \`use_skill\`; name the fitting one in a brief:\n\n${listed.join('\n')}`]
        : []),
      ...found,
    ].join('\n\n')
  }

  /** A brain that cannot say what it wants to know plans without. */
  async function ask(goal: Goal, question: SystemAndPrompt, signal: AbortSignal): Promise<z.infer<typeof Wanted>> {
    try {
      return (await brain.ask({ purpose: 'plan', goalId: goal.id, ...question, schema: Wanted }, signal)).value
    } catch (error) {
      if (isFault(error, 'brain_answer_invalid')) return { calls: [], skills: [] }
      throw error
    }
  }

  async function lookUp(goal: Goal, name: string, text: string, signal: AbortSignal): Promise<string> {
    const title = `\`${name}\` with ${text.slice(0, 500)}`
    try {
      const input = z.record(z.string(), z.unknown()).parse(JSON.parse(text || '{}'))
      const who = { goalId: goal.id, taskId: null, runId: null }
      const answer = await outside.call({ to: 'brain', who, name, input }, null, signal)
      const words = answer.state === 'answered' ? answer.result.text : 'The owner has not answered yet.'
      return `${title}:\n\n${asData('answer', words, FINDING_CHARS_MAX)}`
    } catch (error) {
      signal.throwIfAborted()
      const isExpected = isFault(error) || error instanceof SyntaxError || error instanceof z.ZodError
      if (!isExpected) throw error
      return `${title} failed: ${error instanceof z.ZodError ? 'the input is no JSON object' : (error as Error).message}`
    }
  }
}

function readWhole(name: string, usable: readonly Skill[]): string {
  const skill = usable.find((other) => other.name === name)
  if (!skill) return `There is no skill ${name.slice(0, 100)}.`
  const text = skill.files.find(({ path }) => path === 'SKILL.md')!.text
  // The owner has agreed to it, so it may say how to work; it is still not the goal.
  return `The skill \`${name}\`:\n\n${asData('skill', text, FINDING_CHARS_MAX)}`
}
