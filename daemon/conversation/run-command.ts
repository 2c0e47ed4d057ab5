/** What the plain commands do: the same tools that a brain has, without a brain. */
import type { Clock } from '../../core/clock.ts'
import type { Person } from '../../core/person.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { OwnerContext } from '../../tools/context.ts'
import { OWNER_TOOLS } from '../../tools/index.ts'
import { askLine, clip, goalLine, shapeAsk, shapeGoal } from '../../tools/shapes.ts'
import { whyNot } from '../people/rights.ts'
import { callTool, type ToolResult } from './chat-tools.ts'
import { type Command, choiceFor } from './read-command.ts'

/** Commands that are about proposals are carried out where those are known. */
export type PlainCommand = Exclude<Command, { do: 'proposal' }>

export interface CommandAnswer {
  text: string
  /** Goes along whole. */
  file?: { name: string; mime: string; text: string }
  /** What was changed, for the record; undefined: nothing was. */
  acted?: string
}

const LISTED_MAX = 15
const DIFF_SHOWN_MAX = 2_500

export async function runCommand(
  command: PlainCommand,
  context: OwnerContext,
  who: {
    person: Person
    by: string
    hasBrain: boolean
    signal: AbortSignal
    clock: Clock
  },
): Promise<CommandAnswer> {
  const call = (tool: string, input: object): Promise<ToolResult> =>
    callTool(OWNER_TOOLS.find(({ name }) => name === tool)!, input, context, who)
  const saying = async (tool: string, input: object): Promise<CommandAnswer> => {
    const { isError, text } = await call(tool, input)
    return isError ? { text } : { text, acted: `${tool} ${JSON.stringify(input).slice(0, 300)}` }
  }

  switch (command.do) {
    case 'wrong':
      return { text: command.words }
    case 'help':
      return { text: helpText(who.person, who.hasBrain) }
    case 'status':
      return { text: await statusText(context) }
    case 'goals': {
      const goals = await context.goals.list({ state: 'all', limit: LISTED_MAX })
      return {
        text:
          goals.length === 0 ? 'There are no goals yet.' : goals.map((goal) => goalLine(shapeGoal(goal))).join('\n'),
      }
    }
    case 'inbox': {
      const asks = await context.inbox.list()
      if (asks.length === 0) return { text: 'Nothing waits for you.' }
      const shown = asks.slice(0, LISTED_MAX).map((ask) => askLine(shapeAsk(ask)))
      return {
        text: [...shown, ...(asks.length > LISTED_MAX ? [`… and ${asks.length - LISTED_MAX} more`] : [])].join('\n'),
      }
    }
    case 'goal': {
      const { do: _, ...input } = command
      const { isError, text } = await call('add_goal', input)
      return isError ? { text } : { text: text.split('\n')[0]!, acted: 'added a goal' }
    }
    case 'show':
      return {
        text: (
          await call(
            command.name.includes('.') ? 'show_task' : 'show_goal',
            command.name.includes('.') ? { task: command.name } : { goal: command.name },
          )
        ).text,
      }
    case 'plan': {
      const { goal } = await context.goals.show(command.name)
      // A plan is what is in a goal: refused, and written down as refused, where its work is.
      if (whyNot(who.person, 'look', goal) !== undefined) await context.goals.review(command.name)
      return { text: (await call('show_plan', { goal: command.name })).text }
    }
    case 'proof':
      return { text: await proofText(command.name, context, call) }
    case 'diff': {
      const { title, diff } = await context.goals.review(command.name)
      if (diff.trim() === '') return { text: `${oneLine(title)}: nothing has changed.` }
      if (diff.length <= DIFF_SHOWN_MAX) return { text: `${oneLine(title)}\n\`\`\`diff\n${diff}\n\`\`\`` }
      return {
        text: `${oneLine(title)}: the diff is in the file.`,
        file: { name: `${command.name}.diff`, mime: 'text/x-diff', text: diff },
      }
    }
    case 'report': {
      const { markdown } = await context.goals.report(command.name)
      const file = { name: `goal-${command.name.replace('#', '')}.md`, mime: 'text/markdown', text: markdown }
      return { text: clip(markdown.split('\n').slice(0, 4).join('\n'), 800), file }
    }
    case 'tell':
      return saying('steer_goal', { goal: command.name, text: command.text })
    case 'pause':
      return saying('pause_goal', { goal: command.name })
    case 'resume':
      return saying('resume_goal', { goal: command.name })
    case 'cancel':
      return saying('cancel_goal', { goal: command.name })
    case 'undo':
      return saying('undo_goal', { goal: command.name })
    case 'accept':
      return saying('accept_work', { what: command.name })
    case 'reject':
      return saying('reject_work', { what: command.name, comment: command.text })
    case 'answer': {
      const { choice, words } = await readChoice(command, context)
      if (words) return { text: words }
      const answered = await context.inbox.answer(command.ask, { choice, text: command.text, by: who.by })
      return {
        text: askLine(shapeAsk(answered)),
        acted: `answered ask ${answered.number}: ${answered.answer?.choice ?? answered.answer?.text ?? ''}`,
      }
    }
    case 'recall':
      return { text: context.memory ? (await call('recall', { query: command.text })).text : NO_MEMORY }
    case 'remember':
      return context.memory ? saying('remember', { text: command.text, kind: 'fact' }) : { text: NO_MEMORY }
    case 'schedules':
      return { text: (await call('list_schedules', {})).text }
    case 'schedule':
      return saying('add_schedule', { when: command.when, text: command.text })
  }
}

const NO_MEMORY = 'There is no memory here, or it is not for you.'

async function readChoice(
  command: Extract<Command, { do: 'answer' }>,
  context: OwnerContext,
): Promise<{ choice: string | null; words?: string }> {
  if (command.kind === null) return { choice: command.choice }
  const ask = await context.inbox.get(command.ask)
  if (ask.choices.length === 0 && command.text !== null) return { choice: null }
  const choice = choiceFor(command.kind, ask.choices)
  if (choice !== undefined) return { choice }
  return { choice: null, words: `Ask ${ask.number} takes neither yes nor no. ${askLine(shapeAsk(ask))}` }
}

async function statusText(context: OwnerContext): Promise<string> {
  const [goals, { goals: counts, runs }] = await Promise.all([
    context.goals.list({ state: 'open', limit: LISTED_MAX }),
    context.status(),
  ])
  const head = `${counts.open} open, ${counts.waiting} waiting on you, ${runs} agents at work.`
  return [head, ...goals.map((goal) => goalLine(shapeGoal(goal)))].join('\n')
}

async function proofText(
  name: string,
  context: OwnerContext,
  call: (tool: string, input: object) => Promise<ToolResult>,
): Promise<string> {
  if (name.startsWith('proof_')) return (await call('show_proof', { proof: name })).text
  const proofs = name.includes('.')
    ? (await context.goals.showTask(name)).proofs
    : (await context.goals.show(name)).proofs
  const last = proofs.at(-1)
  return last ? (await call('show_proof', { proof: last.id })).text : `There is no proof of ${name} yet.`
}

function helpText(person: Person, hasBrain: boolean): string {
  const lines = [
    `You are ${person.name} (${person.role}).`,
    '`/status` how things stand · `/goals` all of them · `/show 12`',
  ]
  if (person.role !== 'guest') {
    lines.push(
      '`/goal make the tests green` gives a goal (`--repo PATH` in front for a repository); files in the same message go along',
      '`/inbox` what waits for you · `!yes 42` · `!no 42 why` · `!answer 42 choice` · or answer to the message itself',
      '`/plan 12` · `/diff 12.3` · `/proof 12.3` · `/report 12`',
      '`/tell 12 do it without a library` · `/pause 12` · `/resume 12` · `/cancel 12`',
    )
  }
  if (person.role === 'owner') {
    lines.push(
      '`/accept 12` · `/reject 12 why` · `/undo 12`',
      '`/recall words` · `/remember words` · `/schedule every weekday at 9: update the dependencies` · `/schedules`',
    )
  }
  lines.push(
    hasBrain ? 'Or simply say what you want.' : 'There is no model to talk with here; these commands do everything.',
  )
  return lines.join('\n')
}
