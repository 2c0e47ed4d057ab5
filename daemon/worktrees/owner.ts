import type { Identity, LandOutcome } from './worktree.ts'

/** The owner's side of a clone: where commits come from and where they land. */
export interface Owner {
  /** What git clones and fetches from. */
  readonly from: string
  /** Their remote needs their own keys and global configuration. */
  readonly asOwner: boolean
  /** Extra arguments of a fetch from there. */
  readonly fetchArgs: readonly string[]
  /** For messages. */
  readonly name: string
  /** Throws repository_not_found or repository_unreadable where it cannot be reached. */
  check(): Promise<void>
  /** The branch that HEAD names, born or not; undefined where it is detached. */
  head(): Promise<string | undefined>
  /** The branch of that name, or (null) the one that HEAD names, if it is there at this moment; undefined where more has to be asked to know. */
  glance(branch: string | null): Promise<string | undefined>
  /** Patterns that the owner has git ignore outside the repository's own files. */
  excludes(): Promise<string>
  identity(): Promise<Identity>
  land(order: LandOrder): Promise<LandOutcome>
  /** Where a push to the remote of that name goes, and the folder a relative address is relative to. */
  remote(name: string): Promise<{ url: string; cwd: string | undefined }>
}

export interface LandOrder {
  branch: string
  commit: string
  /** What the branch must be at; null: it must not exist yet. */
  expect: string | null
}
