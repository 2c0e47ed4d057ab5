/**
 * The daemon as a service of the owner's: which files to write and which commands to run. Each way (systemd,
 * launchd, Windows' Task Scheduler) is a pure function from facts to such a plan.
 */
export interface ServiceFacts {
  /** Of this home: `claw`, or `claw-1a2b3c4d` for another than the usual one. */
  name: string
  home: string
  /** The owner's home directory. */
  ownerHome: string
  /** Absolute: the Node that runs us. */
  node: string
  /** What Node is given. */
  args: readonly string[]
  /** The PATH on which agents and git are found. */
  path: string
  logsDir: string
  /** The port that the supervisor listens on for us, where it can. */
  port: number
  /** Files with keys, by the variable that each stands for. */
  credentials: Readonly<Record<string, string>>
  uid: number
  /** `DOMAIN\user` on Windows. */
  user: string
}

export type Command = readonly [string, ...string[]]

export interface ServicePlan {
  kind: 'systemd' | 'launchd' | 'task-scheduler'
  files: { path: string; content: string }[]
  /** After the files are written. */
  install: Command[]
  /** Before they are removed; may fail where nothing runs. */
  uninstall: Command[]
  start: Command[]
  stop: Command[]
  restart: Command[]
  /** Exits with 0 while it runs. */
  isActive: Command
  /** What the owner may want to know besides. */
  notes: string[]
}
