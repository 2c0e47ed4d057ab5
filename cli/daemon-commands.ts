import type { Command } from 'commander'
import { choices, type Json, type Leaf, type Run, repeated, wholeNumber } from './options.ts'

/** The daemon as a program: its process, log, configuration and backups. */
export function daemonCommands(program: Command, leaf: Leaf, run: Run): void {
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
      .option('--run <run>', 'Only what is about this run: its id, or task and attempt, such as 12.3.1.')
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
    .option('--with-secrets', 'Take secrets and logins along.')
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
}
