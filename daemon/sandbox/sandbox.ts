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
  /** `none`: a network of its own with nothing in it; `host`: the machine's. */
  network: 'none' | 'host'
  /** The whole environment of the program; nothing is inherited. */
  env: Readonly<Record<string, string>>
}

export interface Sandbox {
  /** `bubblewrap`, `none`: goes into proofs and reports. */
  readonly name: string
  /** One sentence for start-up and `doctor`: what it protects, or why it does not. */
  readonly words: string
  /** The command line and environment to start instead. Pure: starts nothing. */
  confine(
    argv: readonly [string, ...string[]],
    confinement: Confinement,
  ): { argv: [string, ...string[]]; env: Record<string, string> }
}
