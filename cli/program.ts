/**
 * The tree of commands: names, options and words. docs/CLI.md is generated from it.
 *
 * Nothing is done here; each command's file is loaded when it is called, so that `claw status` does not
 * pay for the others.
 */
import { Command, Option } from 'commander'
import { readVersion } from '../config/version.ts'
import { nearest } from '../core/fault.ts'
import type { CostOptions } from './commands/cost.ts'
import type { ListOptions } from './commands/goals.ts'
import type { PolicyOptions } from './commands/policy.ts'
import type { ScheduleOptions } from './commands/schedule.ts'
import { memoryCommands } from './memory-commands.ts'
import { choices, type Json, type Leaf, positive, type Run, repeated, wholeNumber } from './options.ts'

export interface GoalOptions {
  repo?: string
  branch?: string
  land?: string
  autonomy?: string
  maxMinutes?: number
  maxAttempts?: number
  maxUsd?: number
  maxTokens?: number
  agent?: string
  permissions?: string
  plan?: string
  watch?: boolean
  json?: boolean
}

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

  leaf(program, 'status', 'What is going on and what waits for you. Exit code 3 when no daemon runs.').action(
    (options: Json) => run(options, async (surface) => (await import('./commands/status.ts')).status(surface)),
  )
  const schedule = program
    .command('schedule')
    .description('Schedules: add, list, show, pause, resume, run, rm, history.')
  scheduleOptions(leaf(schedule, 'add <when> [goal]', 'Add a goal that comes back: "every weekday at 9" "…".')).action(
    (when: string, goal: string | undefined, options: Json & ScheduleOptions) =>
      run(options, async (surface) => (await import('./commands/schedule.ts')).add(surface, when, goal, options)),
  )
  leaf(schedule, 'list', 'List schedules.')
    .option('--all', 'Also those that have ended or were removed.')
    .action((options: Json & { all?: boolean }) =>
      run(options, async (surface) => (await import('./commands/schedule.ts')).list(surface, options)),
    )
  leaf(schedule, 'show <schedule>', 'Show a schedule (number or name) with its next five firings.').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/schedule.ts')).show(surface, name)),
  )
  for (const [verb, words] of [
    ['pause', 'Nothing fires until it is resumed.'],
    ['resume', 'Go on; what was due meanwhile does not count.'],
    ['rm', 'Remove a schedule; its history and its goals stay.'],
  ] as const) {
    leaf(schedule, `${verb} <schedule>`, words).action((name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/schedule.ts')).move(surface, verb, name)),
    )
  }
  leaf(schedule, 'run <schedule>', 'Fire now, whatever its times and its condition say.').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/schedule.ts')).run(surface, name)),
  )
  leaf(schedule, 'history <schedule>', 'Its firings, latest first: fired, skipped, missed, failed.')
    .option('--limit <number>', 'The latest so many.', wholeNumber, 20)
    .action((name: string, options: Json & { limit: number }) =>
      run(options, async (surface) => (await import('./commands/schedule.ts')).history(surface, name, options)),
    )

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
    .option('--after <id>', 'Only what came after this event.', wholeNumber)
    .option('--limit <number>', 'The last so many; with --after the first so many.', wholeNumber, 50)
    .option('-f, --follow', 'Go on printing what comes.')
    .action((options: Json & { goal?: string; after?: number; limit: number; follow?: boolean }) =>
      run(options, async (surface) => (await import('./commands/events.ts')).events(surface, options)),
    )

  const daemon = program.command('daemon').description('The daemon: run, start, stop, restart, status, logs, install.')
  leaf(daemon, 'run', 'Run it here, in the foreground.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/daemon.ts')).run(surface)),
  )
  leaf(daemon, 'start', 'Start it in the background and wait until it is ready.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/daemon.ts')).start(surface)),
  )
  leaf(daemon, 'stop', 'Stop it in order; work under way is taken up at the next start.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/daemon.ts')).stop(surface)),
  )
  leaf(daemon, 'restart', 'Stop and start it; as a service no connection is refused meanwhile.').action(
    (options: Json) => run(options, async (surface) => (await import('./commands/daemon.ts')).restart(surface)),
  )
  leaf(
    daemon,
    'install',
    'Make it a service of yours (systemd, launchd, Task Scheduler): started at log-in and after a crash.',
  )
    .option('--dry-run', 'Only print what would be written and run.')
    .option('--credential <name=file>', 'A file whose content the service sees as this variable; repeatable.', repeated)
    .action((options: Json & { dryRun?: boolean; credential?: string[] }) =>
      run(options, async (surface) => (await import('./commands/service.ts')).install(surface, options)),
    )
  leaf(daemon, 'uninstall', 'Stop the service and take it out again; the home stays.')
    .option('--dry-run', 'Only print what would be run and removed.')
    .action((options: Json & { dryRun?: boolean }) =>
      run(options, async (surface) => (await import('./commands/service.ts')).uninstall(surface, options)),
    )
  leaf(daemon, 'status', 'Where it listens and what it found. Exit code 3 when none runs.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/daemon.ts')).status(surface)),
  )
  for (const parent of [daemon, program]) {
    leaf(parent, 'logs', 'Print the daemon’s log, whether it runs or not.')
      .option('-n, --lines <number>', 'The last so many lines.', wholeNumber, 100)
      .option('-f, --follow', 'Go on printing what comes.')
      .option('--goal <goal>', 'Only what is about this goal, its tasks and runs.')
      .option('--task <task>', 'Only what is about this task (12.3) and its runs.')
      .option('--run <run>', 'Only what is about this run.')
      .addOption(choices('--level <level>', 'Only lines of this level and above.', ['debug', 'info', 'warn', 'error']))
      .action((options: Json & import('./commands/logs.ts').LogsOptions) =>
        run(options, async (surface) => (await import('./commands/logs.ts')).logs(surface, options)),
      )
  }

  const config = program.command('config').description('The configuration: get, set, edit, check.')
  leaf(config, 'get [key]', 'Print what holds: the file, the environment and the defaults together.').action(
    (key: string | undefined, options: Json) =>
      run(options, async (surface) => (await import('./commands/config.ts')).get(surface, key)),
  )
  leaf(config, 'set <key> <value>', 'Set one key (`runs.max 8`); what would be wrong is not written.').action(
    (key: string, value: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/config.ts')).set(surface, key, value)),
  )
  leaf(config, 'edit', 'Edit it in your editor; it takes effect only when it is right.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/config.ts')).edit(surface)),
  )
  leaf(config, 'check [file]', 'Say whether it is right, and where it is not.').action(
    (file: string | undefined, options: Json) =>
      run(options, async (surface) => (await import('./commands/config.ts')).check(surface, file)),
  )

  leaf(program, 'backup [file]', 'Make one consistent archive of this Claw, also while it works.')
    .option('--with-secrets', 'Take the file of secrets along.')
    .action((file: string | undefined, options: Json & { withSecrets?: boolean }) =>
      run(options, async (surface) => (await import('./commands/backup.ts')).backup(surface, file, options)),
    )
  leaf(program, 'restore [file]', 'Bring a backup back, or go back a version. The daemon must be stopped.')
    .option('--home <folder>', 'The home to make; default: the usual one.')
    .option('--force', 'Also where a home stands: it is moved aside first.')
    .option(
      '--snapshot [number]',
      'The database from before the last migration (or that one) instead of a file.',
      wholeNumber,
    )
    .option('--yes', 'Go back without being asked.')
    .action((file: string | undefined, options: import('./commands/restore.ts').RestoreOptions) =>
      run(options, async (surface) => (await import('./commands/restore.ts')).restore(surface, file, options)),
    )

  const mcp = program.command('mcp').description('Claw’s tools for other programs, over MCP.')
  leaf(mcp, 'serve', 'Speak MCP on stdin and stdout (the short form is `claw mcp`); starts the daemon when needed.', {
    isDefault: true,
  }).action((options: Json) => run(options, async (surface) => (await import('./commands/mcp.ts')).serve(surface)))
  leaf(
    mcp,
    'install <client>',
    'Show, then write, what makes a client use Claw: claude, codex, cursor, gemini, qwen, vscode.',
  )
    .option('--remove', 'Take it back.')
    .option('--yes', 'Write it without being asked.')
    .action((client: string, options: Json & { remove?: boolean; yes?: boolean }) =>
      run(options, async (surface) => (await import('./commands/mcp.ts')).install(surface, client, options)),
    )

  const skills = program.command('skills').description('Agent Skills, yours and your repositories’: list, agree.')
  leaf(skills, 'list', 'List them with whether agents may use them (the short form is `claw skills`).', {
    isDefault: true,
  })
    .option('--repo <path>', 'Only of this repository.')
    .action((options: Json & { repo?: string }) =>
      run(options, async (surface) => (await import('./commands/skills.ts')).list(surface, options)),
    )
  leaf(skills, 'agree <name>', 'Let agents use a repository’s skill as it is now.')
    .option('--repo <path>', 'Where it lies, if several repositories have one of that name.')
    .option('--refuse', 'They must not use it.')
    .action((name: string, options: Json & { repo?: string; refuse?: boolean }) =>
      run(options, async (surface) => (await import('./commands/skills.ts')).agree(surface, name, options)),
    )

  const tools = program.command('tools').description('Tools of your other MCP servers: list, agree, login, logout.')
  leaf(tools, 'list', 'List them with what becomes of a call (the short form is `claw tools`).', { isDefault: true })
    .option('--fresh', 'Ask the servers first, also those that do not run.')
    .action((options: Json & { fresh?: boolean }) =>
      run(options, async (surface) => (await import('./commands/tools.ts')).list(surface, options)),
    )
  leaf(tools, 'agree <server> [tool]', 'Turn on what is new or has changed: one tool, or all of a server.').action(
    (server: string, tool: string | undefined, options: Json) =>
      run(options, async (surface) => (await import('./commands/tools.ts')).agree(surface, server, tool)),
  )
  leaf(tools, 'login <server>', 'Log in to a remote server (OAuth).').action((server: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/tools.ts')).login(surface, server)),
  )
  leaf(tools, 'logout <server>', 'Forget the login at a remote server.').action((server: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/tools.ts')).logout(surface, server)),
  )

  const token = program.command('token').description('Tokens for MCP clients over HTTP: create, list, revoke.')
  leaf(token, 'create <name>', 'Make a token and print it, this once.')
    .option('--read-only', 'It may look and change nothing.')
    .option('--days <number>', 'It lasts so many days; default: until it is revoked.', wholeNumber)
    .action((name: string, options: Json & { readOnly?: boolean; days?: number }) =>
      run(options, async (surface) => (await import('./commands/token.ts')).create(surface, name, options)),
    )
  leaf(token, 'list', 'List tokens with what they open and when they were last used.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/token.ts')).list(surface)),
  )
  leaf(token, 'revoke <name>', 'End a token at once.').action((name: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/token.ts')).revoke(surface, name)),
  )

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

/** Beside what a goal may be told: when, how often, and what it waits for. */
function scheduleOptions(command: Command): Command {
  return command
    .option('--name <name>', 'What to call it; small letters, digits and dashes.')
    .option('--timezone <zone>', 'The zone of its times, such as Europe/Berlin; default: this machine’s.')
    .option('--repo <path|url>', 'The repository; without one each goal gets a fresh workspace.')
    .option('--branch <name>', 'The branch the work is for; default: the one that is checked out.')
    .addOption(choices('--land <how>', 'How the result reaches you.', ['branch', 'merge', 'pr']))
    .addOption(choices('--autonomy <how>', 'When you are asked.', ['ask-plan', 'ask-land', 'auto']))
    .option('--max-minutes <number>', 'Minutes of work before you are asked.', positive)
    .option('--max-attempts <number>', 'Failed attempts at a task before you are asked.', wholeNumber)
    .option('--max-usd <amount>', 'US dollars on models per goal before you are asked.', positive)
    .option('--agent <name>', 'The agent to use.')
    .option('--if <command>', 'Fire only when this command ends with 0; no model is asked.')
    .addOption(choices('--misfire <how>', 'What becomes of times that were slept through.', ['skip', 'once', 'all']))
    .addOption(choices('--overlap <how>', 'While the goal before is open.', ['skip', 'queue', 'replace']))
    .option('--jitter <seconds>', 'Put each firing off by up to so much.', wholeNumber)
    .option('--until <date>', 'Nothing fires from then on.')
    .option('--times <number>', 'End after so many goals.', wholeNumber)
    .option('--hook <name>', 'Fire on signed calls of POST /hooks/<name> instead of by the clock.')
    .option('--secret <where>', 'The hook’s secret: env:NAME or file:/path; `standard:` in front for that scheme.')
    .option('--events <list>', 'Only these events of the hook, separated by commas.')
    .option('--path <path>', 'Fire when this file or folder changes.')
    .option('--glob <pattern>', 'Only files of --path that fit.')
    .option('--after-goal <goal>', 'Fire when this goal ends.')
    .option('--after-schedule <schedule>', 'Fire when a goal of this schedule ends.')
    .addOption(choices('--on <how>', 'How that goal has to end.', ['met', 'dropped', 'ended']))
    .option('-y, --yes', 'Add it without asking.')
}

/** One word is rather a command that was mistyped than a goal. */
function refuseMistypedCommand(program: Command, text: string): void {
  if (text === '-' || /\s/.test(text.trim()) || text.trim() === '') return
  const names = program.commands.map((command) => command.name()).filter((name) => name !== 'do')
  const near = nearest(text, names)
  const choice = near ? `(Did you mean ${near}?)` : `(For a goal of one word: claw goal add ${text})`
  program.error(`error: unknown command '${text}' ${choice}`)
}

function asOneLine(text: string): string {
  return `claw: ${text
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim()}\n`
}
