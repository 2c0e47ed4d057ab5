/**
 * Claw's own bare clone of an owner's repository, and the worktrees made from it.
 *
 * Promises: the owner's repository is only read (fetch) until `land`, and then only
 * fast-forwarded; the owner's hooks, signing, fsmonitor and configuration never run; a commit
 * whose id was returned has reached the disk (core.fsync=all); nothing that exists only in a
 * worktree is removed before it is captured or preserved; adding and removing worktrees is safe
 * from any number of callers at once.
 */
export interface Repository extends AsyncDisposable {
  readonly gitDir: string
  /** Brings the owner's branches and tags up to date under `refs/claw/owner/…`. Faults: repository_not_found, repository_unreadable. */
  fetch(): Promise<void>
  /** The commit of a branch of the owner's as of the last fetch. Throws branch_not_found, naming the nearest one. */
  ownerBranch(branch: string): Promise<string>
  ownerBranches(): Promise<string[]>
  /** The branch that the owner's HEAD names; undefined where it is detached. */
  ownerHead(): Promise<string | undefined>
  /**
   * Without a fetch: the owner's branch of that name, or (null) the one that HEAD names, if it has a commit at
   * this moment. Undefined where only a fetch can say.
   */
  glance(branch: string | null): Promise<string | undefined>
  /** The commit a ref or commit-ish of ours names; undefined where there is none. */
  find(ref: string): Promise<string | undefined>
  treeOf(commit: string): Promise<string>
  /** Moves a ref of ours. With `expect` (null: must not exist) it throws ref_moved where that is not what it was. */
  setRef(ref: string, commit: string, expect?: string | null): Promise<void>
  /** Removes a ref; nothing happens where there is none. */
  dropRef(ref: string): Promise<void>
  listRefs(prefix: string): Promise<{ ref: string; commit: string }[]>
  isAncestor(ancestor: string, descendant: string): Promise<boolean>

  /** Paths at a commit, as git lists them. */
  listFiles(commit: string): Promise<string[]>
  /** Undefined where the file is not there; throws for binary content and above `bytesMax` (default 1 MB). */
  readFile(commit: string, path: string, bytesMax?: number): Promise<string | undefined>
  log(commit: string, max: number): Promise<{ commit: string; subject: string; author: string; at: number }[]>
  /** Unified diff with renames. Cut at `bytesMax` with a line that says so. */
  diff(from: string, to: string, options?: { bytesMax?: number; paths?: string[] }): Promise<string>
  changes(from: string, to: string): Promise<FileChange[]>

  /** A detached worktree. The folder is made; a failed attempt leaves nothing behind. */
  addWorktree(path: string, commit: string): Promise<void>
  /** Removes a worktree and its folder. Refuses (worktree_dirty) where something in it is neither captured nor ignored. */
  removeWorktree(path: string, options?: { force?: boolean }): Promise<void>
  listWorktrees(): Promise<{ path: string; commit: string }[]>
  /** Puts the worktree's files on `commit`, whatever was there (captured or preserved before). Ignored files stay. */
  resetWorktree(path: string, commit: string): Promise<void>
  /**
   * Everything in the worktree that git does not ignore, as one commit on top of `base`; commits
   * that an agent made itself are squashed into it. The index and HEAD of the worktree are not
   * trusted. `ref` names the commit before this returns. Answers undefined where nothing differs from base.
   * Throws path_unsafe, naming it, where git would leave something out without a word: a repository inside
   * the worktree, files in the place of a submodule.
   */
  capture(options: CaptureOptions): Promise<Capture | undefined>

  /** What merging `theirs` into `ours` would give, touching no worktree. */
  trialMerge(ours: string, theirs: string): Promise<{ tree: string } | { conflicts: string[] }>
  /** A commit with a given tree and parents. Author and committer are the identity's. */
  commitTree(options: { tree: string; parents: string[]; message: string; identity?: Identity }): Promise<string>
  /** Leaves the worktree (which is on `ours`) in the middle of merging `theirs`, with conflict markers in it. Answers the paths in conflict. */
  startMerge(path: string, theirs: string): Promise<string[]>

  /**
   * Brings a verified commit to a branch of the owner's repository: fetch from ours, then fast-forward only.
   * Checked out there and clean: `merge --ff-only` in place. Never moves a branch under a dirty tree, never forces.
   */
  land(branch: string, commit: string, expect: string | null): Promise<LandOutcome>
  /** The owner's name and address for authorship, from their configuration, else Claw's own. */
  identity(): Promise<Identity>
  /** Pushes a branch of ours to the owner's remote of that name. For pull requests. */
  push(branch: string, commit: string, remote?: string): Promise<void>
}

export interface FileChange {
  path: string
  /** The path before a rename. */
  from: string | null
  kind: 'added' | 'modified' | 'deleted' | 'renamed' | 'type-changed'
  /** Null for binary files. */
  insertions: number | null
  deletions: number | null
  /** Git's mode after the change: 100644, 100755, 120000 (symlink), 160000 (submodule). */
  mode: string
}

export interface Identity {
  name: string
  email: string
}

export interface CaptureOptions {
  path: string
  base: string
  ref: string
  message: string
  /** `Key: value` lines for the end of the message. */
  trailers: readonly string[]
  /** Parents besides `base` (a reconciled merge). */
  mergedParents?: readonly string[]
  author?: Identity
}

export interface Capture {
  commit: string
  tree: string
  changes: FileChange[]
}

export type LandOutcome =
  | { outcome: 'landed'; how: 'checked-out' | 'ref' }
  /** The branch is no longer at `expect`. */
  | { outcome: 'moved'; now: string | null }
  /** The branch is checked out and the tree is dirty; nothing was touched. */
  | { outcome: 'dirty'; paths: string[] }
  | { outcome: 'refused'; why: string }

/** Opens or makes Claw's clone. All `open…` calls for the same source give the same lock. */
export interface Repositories {
  /** From a checkout or bare repository on this machine. `git clone --bare` with hard links where the file system can. */
  openLocal(path: string, gitDir: string): Promise<Repository>
  openUrl(url: string, gitDir: string): Promise<Repository>
  /** A fresh repository with one empty commit on `main`, for goals without a repository. `path` becomes the owner's checkout of it. */
  openWorkspace(path: string, gitDir: string): Promise<Repository>
  /** The top of the checkout that `path` lies in, with symlinks resolved. Throws repository_not_found with a hint. */
  locate(path: string): Promise<string>
}
