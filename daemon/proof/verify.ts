import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { isFault } from '../../core/fault.ts'
import type { Check } from '../../core/plan.ts'
import type { CheckResult, Contract, GuardFinding, SetupFailure } from '../../core/proof.ts'
import type { World } from '../../core/world.ts'
import type { KnownFlaky } from '../memory/repository-facts.ts'
import type { AskHost, Sandbox } from '../sandbox/sandbox.ts'
import { type ConfinedShellDeps, createConfinedShell } from '../worktrees/confined-shell.ts'
import type { DependencyCache } from '../worktrees/dependency-cache.ts'
import { readRecipe } from '../worktrees/read-recipe.ts'
import type { Recipe } from '../worktrees/recipe.ts'
import type { Repository } from '../worktrees/worktree.ts'
import { type BaselineVerdict, judgeBaseline } from './baseline-verdict.ts'
import { type Checkout, openCheckout } from './checkout.ts'
import { commandsOf, pathsToProtect, protect, type Restored } from './protect.ts'
import { scriptsNamedIn } from './protected-files.ts'
import { dropDrafts, plainTail, runCheck } from './run-check.ts'
import { secondTry } from './second-try.ts'

/** What the daemon itself saw on one commit. */
export interface Verification {
  tree: string
  /** In the contract's order; empty where set-up failed. */
  results: CheckResult[]
  /** Changes to files that say how checks run. */
  guards: GuardFinding[]
  setup: SetupFailure | null
  /** Set-up went through and every check passed. */
  passed: boolean
  sandboxName: string
  recipe: Recipe
}

export type { SetupFailure }

export interface Baseline {
  tree: string
  checks: { result: CheckResult; verdict: BaselineVerdict; words: string }[]
  setup: SetupFailure | null
  recipe: Recipe
  sandboxName: string
}

interface RunOptions {
  repository: Repository
  contract: Contract
  /** Names this verification: the start of its folder's name and of its commands' run ids. `<run id>` or `<run id>/…`. */
  tag: string
  signal?: AbortSignal
  /** After each check, in order. */
  onChecked?(result: CheckResult): void
  /** Instead of what claw.yaml and the files say. */
  recipe?: Recipe
  /** Where the recipe's envFiles are copied from. */
  ownerCheckout?: string
  /** Beside what every check gets: ports. */
  env?: Readonly<Record<string, string>>
  /** Answers for hosts that policy does not name; without it they are refused. */
  askHost?: AskHost
}

/**
 * Runs the checks of a contract on a commit, in a clean checkout that is removed afterwards.
 *
 * What says how a check runs comes from the contract and the base, never from the work: the
 * commands, claw.yaml, the test runner's configuration, package scripts. Between two checks the
 * tracked files are put back, so that one check's writing is not the next one's input;
 * dependency folders and ignored build results stay.
 *
 * A check that fails is an answer. Faults: those of the repository; config_invalid (claw.yaml at
 * the base); path_unsafe (a file cannot be laid over because the work put a symlink in its way).
 * Aborting throws the signal's reason once nothing is left running.
 */
export interface Verifier {
  verify(options: RunOptions & { base: string; commit: string; kind: 'task' | 'landing' }): Promise<Verification>
  /** The same on the base: what each check says before the work. */
  baseline(options: RunOptions & { base: string }): Promise<Baseline>
  /** Removes what a crash left. Only while nothing is being verified. */
  sweep(): Promise<void>
}

export function createVerifier(deps: {
  world: World
  sandbox: Sandbox
  dependencies: DependencyCache
  /** Clean checkouts are made here. */
  dir: string
  /** Whole outputs are kept here. */
  outputDir: string
  shell: Omit<ConfinedShellDeps, 'world' | 'sandbox'>
  /** What is known of checks that say one thing and then another; without it nothing is. */
  flaky?: KnownFlaky
}): Verifier {
  const { world, sandbox, dependencies } = deps

  async function setUp(checkout: Checkout, recipe: Recipe, options: RunOptions, changed: readonly string[]) {
    const shell = shellFor(options.repository)
    let step = 0
    const decisive = new Set(recipe.cacheKeyFiles)
    const changedFiles = changed.filter((path) => decisive.has(path))
    try {
      const { how } = await dependencies.prepare({
        worktree: checkout.room.checkout,
        toolchain: checkout.room.toolchain,
        recipe,
        gitDir: options.repository.gitDir,
        mayMend: changedFiles.length === 0,
        ...(options.ownerCheckout === undefined ? {} : { ownerCheckout: options.ownerCheckout }),
        ...(options.signal ? { signal: options.signal } : {}),
        run: ({ command, network, timeoutSeconds }) =>
          shell({
            room: checkout.room,
            recipe,
            command,
            network: network && 'setup',
            askHost: options.askHost,
            timeoutMs: timeoutSeconds * 1000,
            runId: commandId(options.tag, `setup-${++step}`),
            signal: options.signal,
          }),
      })
      if (how !== 'nothing' || recipe.envFiles.length > 0) checkout.used()
      return null
    } catch (error) {
      if (!isFault(error, 'setup_failed')) throw error
      const { command, exitCode, tail } = error.details as { command: string; exitCode: number | null; tail: string }
      return { command, exitCode, tail: plainTail(tail), changedFiles }
    }
  }

  async function runChecks(
    checkout: Checkout,
    recipe: Recipe,
    options: RunOptions,
    { files, tree, isBase }: { files: readonly Restored[]; tree: string; isBase: boolean },
  ) {
    const results: CheckResult[] = []
    for (const [n, check] of options.contract.checks.entries()) {
      options.signal?.throwIfAborted()
      await checkout.reset(files)
      const first = await runOne(checkout, recipe, options, check, n)
      const again = async () => {
        await checkout.reset(files)
        return runOne(checkout, recipe, options, check, n)
      }
      const result = await secondTry(first, {
        again,
        flaky: deps.flaky,
        gitDir: options.repository.gitDir,
        tree,
        isBase,
      })
      results.push(result)
      world.log.debug({ tag: options.tag, check: check.name, exitCode: result.exitCode }, 'check ended')
      options.onChecked?.(result)
    }
    return results
  }

  function runOne(checkout: Checkout, recipe: Recipe, options: RunOptions, check: Check, n: number) {
    checkout.used()
    return runCheck({
      shell: shellFor(options.repository),
      room: checkout.room,
      recipe,
      check,
      outputDir: deps.outputDir,
      runId: commandId(options.tag, `check-${n + 1}`),
      signal: options.signal,
      askHost: options.askHost,
      ...(options.env ? { env: options.env } : {}),
    })
  }

  /** Version tools ask git for the commit, so the clone can be read; it holds no secret of Claw's. */
  function shellFor(repository: Repository) {
    const readable = [...deps.shell.readable, repository.gitDir]
    return createConfinedShell({ ...deps.shell, readable, world, sandbox })
  }

  return {
    async verify(options) {
      const { repository, contract, base, commit } = options
      const recipe = options.recipe ?? (await readRecipe(repository, commit, base))
      const { changed, restored, findings } = await readProtections(repository, contract, recipe, base, commit)
      const overlay = contract.overlay.map(({ path, content }) => ({ path, content }))
      const files = [...restored, ...overlay]

      await using checkout = await openCheckout({ world, dir: deps.dir }, repository, commit, options.tag)
      await checkout.reset(restored)
      const setup = await setUp(checkout, recipe, options, changed)
      const tree = await repository.treeOf(commit)
      const results = setup ? [] : await runChecks(checkout, recipe, options, { files, tree, isBase: false })
      return {
        tree,
        results,
        guards: findings,
        setup,
        passed: setup === null && results.every((result) => result.passed),
        sandboxName: sandbox.name,
        recipe,
      }
    },

    async baseline(options) {
      const { repository, contract, base } = options
      const recipe = options.recipe ?? (await readRecipe(repository, base))
      const overlay = contract.overlay.map(({ path, content }) => ({ path, content }))
      await using checkout = await openCheckout({ world, dir: deps.dir }, repository, base, options.tag)
      const setup = await setUp(checkout, recipe, options, [])
      const tree = await repository.treeOf(base)
      const results = setup ? [] : await runChecks(checkout, recipe, options, { files: overlay, tree, isBase: true })
      return {
        tree,
        checks: results.map((result) => ({ result, ...judgeBaseline(result) })),
        setup,
        recipe,
        sandboxName: sandbox.name,
      }
    },

    async sweep() {
      await rm(deps.dir, { recursive: true, force: true })
      await dropDrafts(deps.outputDir)
    },
  }
}

/** Two verifications with one tag at the same time must not end each other's commands: what carries an id dies with its command. */
function commandId(tag: string, name: string): string {
  return `${tag}/${name}-${randomUUID().slice(0, 8)}`
}

/** Gathers the texts that `protect` decides on. */
async function readProtections(
  repository: Repository,
  contract: Contract,
  recipe: Recipe,
  base: string,
  commit: string,
) {
  const changes = await repository.changes(base, commit)
  const baseFiles = await repository.listFiles(base)
  const read = (at: string, path: string) => repository.readFile(at, path).catch(() => null)
  const manifest = (await read(base, 'package.json')) ?? undefined
  const scripts = scriptsNamedIn(commandsOf(contract, manifest), baseFiles)
  const input = { changes, contract, protectedFiles: recipe.protectedFiles, baseFiles }
  const texts = { base: {} as Record<string, string | null>, work: {} as Record<string, string | null> }
  if (manifest !== undefined) texts.base['package.json'] = manifest
  for (const path of pathsToProtect({ ...input, scripts })) {
    const before = await read(base, path)
    const after = await read(commit, path)
    if (before !== undefined) texts.base[path] = before
    if (after !== undefined) texts.work[path] = after
  }
  const changed = changes.flatMap((change) => (change.from ? [change.path, change.from] : [change.path]))
  return { changed, ...protect({ ...input, ...texts }) }
}
