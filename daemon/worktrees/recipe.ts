/** How a fresh checkout of a repository is made ready to build and test. */
export interface Recipe {
  source: 'claw.yaml' | 'inferred' | 'none'
  ecosystems: Ecosystem[]
  /** Run in this order at the top of the checkout, each in a shell of its own. */
  setup: SetupStep[]
  /** Files of the checkout that decide what set-up gives: lockfiles and manifests. */
  cacheKeyFiles: string[]
  /** What set-up fills: built once, then copied. Relative folders that git ignores. */
  dependencyFolders: string[]
  /** Relative folders put in front of PATH (`node_modules/.bin`). */
  pathFolders: string[]
  /** Files that git ignores and that are copied from the owner's checkout. */
  envFiles: string[]
  suggestedChecks: { name: string; command: string }[]
  /** Globs that several tasks may change side by side: lockfiles, and what claw.yaml names. */
  sharedPaths: string[]
  /** Globs of further files that say how a check runs, beside the ones that Claw knows. */
  protectedFiles: string[]
}

export type Ecosystem =
  | 'npm'
  | 'pnpm'
  | 'yarn'
  | 'bun'
  | 'python'
  | 'go'
  | 'cargo'
  | 'maven'
  | 'gradle'
  | 'make'
  | 'cmake'

export interface SetupStep {
  command: string
  network: boolean
  timeoutSeconds: number
}

export const SETUP_SECONDS = 900
