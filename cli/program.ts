/**
 * The tree of commands: names, options and words. docs/CLI.md is generated from it.
 *
 * Nothing is done here; each command's file is loaded when it is called, so that `claw status` does not
 * pay for the others.
 */
import { Command, Option } from 'commander'
import { readVersion } from '../config/version.ts'
import { chatCommands } from './chat-commands.ts'
import type { CostOptions } from './commands/cost.ts'
import type { PolicyOptions } from './commands/policy.ts'
import { daemonCommands } from './daemon-commands.ts'
import { goalCommands } from './goal-commands.ts'
import { memoryCommands } from './memory-commands.ts'
import { choices, type Json, type Leaf, positive, type Run, wholeNumber } from './options.ts'
import { scheduleCommands } from './schedule-commands.ts'
import { toolCommands } from './tool-commands.ts'

export function createProgram(run: Run): Command {
  const program = new Command('claw')
  program
    .description('Gives work to coding agents, proves what they did, and lands it.')
    .version(readVersion(), '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Show help.')
    .helpCommand('help [command]', 'Show help for a command.')
    .usage('"what you want" [--repo .]\n       claw <command> [options]')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(asOneLine(text)) })
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false })

  const leaf: Leaf = (parent, usage, words, kind = {}) =>
    parent
      .command(usage, kind)
      .description(words)
      .option('--json', 'Print JSON: data on stdout, one error object on stderr.')

  goalCommands(program, leaf, run)

  leaf(program, 'status', 'What is going on and what waits for you. Exit code 3 when no daemon runs.').action(
    (options: Json) => run(options, async (surface) => (await import('./commands/status.ts')).status(surface)),
  )
  scheduleCommands(program, leaf, run)
  chatCommands(program, leaf, run)
  memoryCommands(program, leaf, run)

  const policy = program.command('policy').description('What agents may do without you.')
  leaf(policy, 'test <command>', 'Says what would happen if an agent ran a command, and by which rule.')
    .option('--agent <name>', 'Which agent; without it, the first that can work here.')
    .option('--repo <path|url>', 'In which repository.')
    .option('--goal <goal>', 'For which goal.')
    .action((command: string, options: Json & PolicyOptions) =>
      run(options, async (surface) => (await import('./commands/policy.ts')).testPolicy(surface, command, options)),
    )
  leaf(policy, 'show', 'Shows permissions and rules, by agent and repository.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/policy.ts')).showPolicy(surface)),
  )

  leaf(program, 'cost', 'What was spent, and on what.')
    .option('--goal <goal>', 'Only on this goal.')
    .addOption(
      choices('--by <what>', 'What it is summed by; default: goal, with --goal its tasks.', [
        'goal',
        'task',
        'run',
        'agent',
        'model',
        'day',
      ]),
    )
    .action((options: Json & CostOptions) =>
      run(options, async (surface) => (await import('./commands/cost.ts')).cost(surface, options)),
    )
  leaf(program, 'inbox', 'What waits for you.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/inbox.ts')).inbox(surface)),
  )
  leaf(program, 'answer <ask> [choice]', 'Answer an ask by a choice, in words, or both.')
    .option('--text <words>', 'Your words; `-` reads them from stdin.')
    .action((ask: string, choice: string | undefined, options: Json & { text?: string }) =>
      run(options, async (surface) => (await import('./commands/inbox.ts')).answer(surface, ask, choice, options)),
    )
  leaf(program, 'review [what]', 'Show the diff and proof of a goal or task (12, 12.3), and judge it.')
    .addOption(new Option('--accept', 'Accept it.').conflicts(['reject', 'take']))
    .addOption(new Option('--reject <comment>', 'Refuse it; the comment goes to a new run.').conflicts(['take']))
    .option('--take', 'Take the task over: stop the agent, give me its worktree.')
    .action((what: string | undefined, options: Json & { accept?: boolean; reject?: string; take?: boolean }) =>
      run(options, async (surface) => (await import('./commands/review.ts')).review(surface, what, options)),
    )
  leaf(program, 'take <task>', 'Stop the task’s agent and get its worktree.').action((task: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/tasks.ts')).take(surface, task)),
  )
  leaf(program, 'give <task>', 'Give a taken task back: what you did is verified like anyone’s work.').action(
    (task: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/tasks.ts')).give(surface, task)),
  )
  leaf(program, 'proof <task>', 'Run the checks of a task’s proof again, on the same commit.').action(
    (task: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/tasks.ts')).proof(surface, task)),
  )
  leaf(program, 'undo <goal>', 'Revert what a goal landed, as a new verified commit.').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/goals.ts')).undo(surface, name)),
  )
  leaf(program, 'report <goal>', 'Print a goal’s report (Markdown).').action((name: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/goals.ts')).report(surface, name)),
  )
  leaf(program, 'watch [goal]', 'Follow a goal; without one, the goal under way, or all of them.').action(
    (name: string | undefined, options: Json) =>
      run(options, async (surface) => (await import('./commands/watch.ts')).watch(surface, name)),
  )
  leaf(program, 'events', 'Print what happened.')
    .option('--goal <goal>', 'Only of this goal.')
    .option('--type <word>', 'Only of types that begin so: permission for what agents were allowed, and why.')
    .option('--after <id>', 'Only what came after this event.', wholeNumber)
    .option('--limit <number>', 'The last so many; with --after the first so many.', wholeNumber, 50)
    .option('-f, --follow', 'Go on printing what comes.')
    .action((options: Json & { goal?: string; type?: string; after?: number; limit: number; follow?: boolean }) =>
      run(options, async (surface) => (await import('./commands/events.ts')).events(surface, options)),
    )

  daemonCommands(program, leaf, run)
  toolCommands(program, leaf, run)

  leaf(program, 'setup', 'For the first time: find agents and keys, write the configuration, try one tiny goal.')
    .addOption(
      choices('--provider <api>', 'Which API the model has.', ['anthropic', 'openai', 'openai-chat', 'google']),
    )
    .option('--model <name>', 'The model, in the provider’s spelling.')
    .option('--base-url <url>', 'Another server than the provider’s own.')
    .option('--key <where>', 'Where its key is: env:NAME or file:/path.')
    .option('--agent <name>', 'The agent to use.')
    .option('--day-usd <amount>', 'US dollars per day before you are asked.', positive)
    .option('--no-proof', 'Try no goal.')
    .option('-y, --yes', 'Ask nothing; take the flags, and what was found.')
    .action((options: Json & import('./commands/setup.ts').SetupOptions) =>
      run(options, async (surface) => (await import('./commands/setup.ts')).setup(surface, options)),
    )

  leaf(program, 'doctor', 'Check what Claw needs; each line says how to mend it.')
    .option('--fix', 'Mend what is safe to mend.')
    .option('--online', 'Also ask the providers of models whether they take the keys.')
    .action((options: Json & { fix?: boolean; online?: boolean }) =>
      run(options, async (surface) => (await import('./commands/doctor.ts')).doctor(surface, options)),
    )
  return program
}

function asOneLine(text: string): string {
  return `claw: ${text
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim()}\n`
}
