import type { Command } from 'commander'
import { nearest } from '../core/fault.ts'
import type { GoalOptions } from './commands/add.ts'
import type { ListOptions } from './commands/goals.ts'
import { choices, type Json, type Leaf, positive, type Run, wholeNumber } from './options.ts'

/** Goals: what adds one, and what is done with it. */
export function goalCommands(program: Command, leaf: Leaf, run: Run): void {
  // What is no command's name is a goal.
  const short = leaf(program, 'do [text]', 'Add a goal (the short form is `claw "…"`).', { isDefault: true })
  goalOptions(short).action((text: string | undefined, options: GoalOptions) => {
    if (text === undefined) return program.help()
    refuseMistypedCommand(program, text)
    return run(options, async (surface) => (await import('./commands/add.ts')).add(surface, text, options))
  })

  const goal = program.command('goal').description('Goals: add, list, show, watch, steer, pause, resume, cancel.')
  goalOptions(leaf(goal, 'add <text>', 'Add a goal; `-` reads it from stdin.')).action(
    (text: string, options: GoalOptions) =>
      run(options, async (surface) => (await import('./commands/add.ts')).add(surface, text, options)),
  )
  leaf(goal, 'list', 'List goals, newest first.')
    .addOption(choices('--state <which>', 'Which goals.', ['open', 'ended', 'all']).default('all'))
    .option('--limit <number>', 'The newest so many, 500 at most.', wholeNumber, 50)
    .action((options: Json & ListOptions) =>
      run(options, async (surface) => (await import('./commands/goals.ts')).list(surface, options)),
    )
  leaf(goal, 'show <goal>', 'Show a goal with its plan, tasks and asks.').action((name: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/goals.ts')).show(surface, name)),
  )
  leaf(goal, 'watch <goal>', 'Follow a goal until it has ended (exit code 5 when it was not met).').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/watch.ts')).watch(surface, name)),
  )
  leaf(goal, 'steer <goal> <text>', 'Tell the planner, or with a task’s label its agent, something more.').action(
    (name: string, text: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/goals.ts')).steer(surface, name, text)),
  )
  for (const [verb, words] of [
    ['pause', 'Pause a goal: nothing new is started.'],
    ['resume', 'Go on with a paused goal, or one that was set aside.'],
    ['cancel', 'Give a goal up; its work stays reachable.'],
  ] as const) {
    leaf(goal, `${verb} <goal>`, words).action((name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/goals.ts')).move(surface, verb, name)),
    )
  }
}

function goalOptions(command: Command): Command {
  return command
    .option('--repo <path|url>', 'The repository; without one the goal gets a fresh workspace.')
    .option('--branch <name>', 'The branch the work is for; default: the one that is checked out.')
    .addOption(choices('--land <how>', 'How the result reaches you.', ['branch', 'merge', 'pr']))
    .addOption(choices('--autonomy <how>', 'When you are asked.', ['ask-plan', 'ask-land', 'auto']))
    .option('--max-minutes <number>', 'Minutes of work before you are asked.', positive)
    .option('--max-attempts <number>', 'Failed attempts at a task before you are asked.', wholeNumber)
    .option('--max-usd <amount>', 'US dollars before you are asked.', positive)
    .option('--max-tokens <number>', 'Tokens, read and written, before you are asked.', wholeNumber)
    .option('--agent <name>', 'The agent to use.')
    .addOption(
      choices('--permissions <profile>', 'How much its agents may do without you; default: as configured.', [
        'read-only',
        'edit',
        'edit+commands',
        'trusted',
      ]),
    )
    .option('--plan <file>', 'A ready plan (YAML); no model is asked for one.')
    .option('--watch', 'Follow the goal until it has ended (exit code 5 when it was not met).')
}

/** One word is rather a command that was mistyped than a goal. */
function refuseMistypedCommand(program: Command, text: string): void {
  if (text === '-' || /\s/.test(text.trim()) || text.trim() === '') return
  const names = program.commands.map((command) => command.name()).filter((name) => name !== 'do')
  const near = nearest(text, names)
  const choice = near ? `(Did you mean ${near}?)` : `(For a goal of one word: claw goal add ${text})`
  program.error(`error: unknown command '${text}' ${choice}`)
}
