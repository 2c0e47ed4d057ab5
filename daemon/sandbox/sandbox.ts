/**
 * What a program that Claw starts may see and touch.
 *
 * A sandbox turns a command into another command that runs it confined. It promises that the
 * Claw home (database, token, other runs), other people's homes, and sibling worktrees cannot be
 * seen, and that only `writable` paths can be written. `none` promises nothing and says so.
 */
export interface Confinement {
  /** Absolute; also the working directory, unless `cwd` is given. */
  cwd: string
  /** Absolute paths that may be written: the worktree, the private HOME, TMPDIR. They exist. */
  writable: readonly string[]
  /** Absolute paths that stay visible although they lie under something hidden (an agent's program, a cache). Read only. */
  readable: readonly string[]
  /** Absolute paths made invisible beside the standing ones (homes, the Claw home). */
  hidden: readonly string[]
  /** `none`: a network of its own with nothing in it; a reach: that and nothing else; `host`: the machine's. */
  network: 'none' | 'host' | Reach
  /** The whole environment of the program; nothing is inherited. */
  env: Readonly<Record<string, string>>
}

/** Where a program may connect to. It is data: policy makes it, the sandbox keeps it. */
export interface Reach {
  /**
   * `example.org`, `*.example.org` (below it, not itself), either with `:port`, an address, or `*`. An address of
   * this machine's loopback is named with its port (`127.0.0.1:4096`) and answers inside under the same number;
   * no pattern but such a one ever leads to the loopback.
   */
  hosts: readonly string[]
  /** Asked about any other host while the connection waits; without it such a connection is refused. */
  ask?: AskHost
}

export interface Host {
  /** In lower case: a name, or an address without brackets. */
  host: string
  port: number
}

/** Resolves with the answer, and with words for the program where it is no. The signal: the connection was given up. */
export type AskHost = (host: Host, signal: AbortSignal) => Promise<{ isAllowed: boolean; reason: string }>

/** A command line that runs confined. What was opened for it is closed when it is disposed of, after its end. */
export interface Confined extends AsyncDisposable {
  argv: [string, ...string[]]
  env: Record<string, string>
}

export interface Sandbox {
  /** `bubblewrap`, `none`: goes into proofs and reports. */
  readonly name: string
  /** One sentence for start-up and `doctor`: what it protects, or why it does not. */
  readonly words: string
  /** The command line and environment to start instead. Starts no program. Faults: path_unsafe, sandbox_unavailable. */
  confine(argv: readonly [string, ...string[]], confinement: Confinement): Promise<Confined>
}
