import { isAbsolute, join, resolve } from 'node:path'

/** Where everything of one Claw lives. One folder, one owner, mode 0700. */
export interface Paths {
  home: string
  configFile: string
  /** The database, its lock, and snapshots. */
  stateDir: string
  databaseFile: string
  lockFile: string
  /** Port and token of the running daemon, mode 0600. */
  daemonFile: string
  repositoriesDir: string
  worktreesDir: string
  /** Clean checkouts while they are verified. */
  verifyDir: string
  /** Per run: raw wire, private HOME, TMPDIR. */
  runsDir: string
  /** Outputs of checks, compressed. */
  outputsDir: string
  /** Dependency folders by lockfile digest, and the tool chains' caches. */
  cacheDir: string
  workspacesDir: string
  reportsDir: string
  notesDir: string
  /** The owner's own Agent Skills: folders with a SKILL.md. */
  skillsDir: string
  /** The index of the notes, and fetched models: all of it can be made again. */
  memoryDir: string
  /** Files that people sent, for goals. */
  attachmentsDir: string
  /** Keys of channels, a file each, mode 0600. */
  secretsDir: string
  /** Archives that `claw backup` and the daily one make. */
  backupsDir: string
  logsDir: string
}

/**
 * `CLAW_HOME` where it is set, else `~/.claw`.
 *
 * @param env the environment of the process
 * @param userHome the owner's home directory
 */
export function findPaths(env: Readonly<Record<string, string | undefined>>, userHome: string): Paths {
  const chosen = env['CLAW_HOME']
  const home = chosen ? (isAbsolute(chosen) ? chosen : resolve(chosen)) : join(userHome, '.claw')
  return pathsIn(home)
}

export function pathsIn(home: string): Paths {
  const stateDir = join(home, 'state')
  return {
    home,
    configFile: join(home, 'config.yaml'),
    stateDir,
    databaseFile: join(stateDir, 'claw.db'),
    lockFile: join(stateDir, 'lock.db'),
    daemonFile: join(home, 'daemon.json'),
    repositoriesDir: join(home, 'repositories'),
    worktreesDir: join(home, 'worktrees'),
    verifyDir: join(home, 'verify'),
    runsDir: join(home, 'runs'),
    outputsDir: join(home, 'outputs'),
    cacheDir: join(home, 'cache'),
    workspacesDir: join(home, 'workspaces'),
    reportsDir: join(home, 'reports'),
    notesDir: join(home, 'notes'),
    skillsDir: join(home, 'skills'),
    memoryDir: join(home, 'memory'),
    attachmentsDir: join(home, 'attachments'),
    secretsDir: join(home, 'secrets'),
    backupsDir: join(home, 'backups'),
    logsDir: join(home, 'logs'),
  }
}
