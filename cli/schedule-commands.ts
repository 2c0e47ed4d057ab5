import type { Command } from 'commander'
import type { ScheduleOptions } from './commands/schedule.ts'
import { choices, type Json, type Leaf, positive, type Run, wholeNumber } from './options.ts'

/** Goals that come back. */
export function scheduleCommands(program: Command, leaf: Leaf, run: Run): void {
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
