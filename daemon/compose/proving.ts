import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SECOND } from '../../core/clock.ts'
import type { Goal } from '../../core/goal.ts'
import type { Redactor } from '../../core/redact.ts'
import { holdsKey, withoutKeys } from '../../core/secret-shapes.ts'
import type { Acts } from '../acts/acts.ts'
import { createActs } from '../acts/create-acts.ts'
import { forbiddenFolders } from '../acts/forbidden-folders.ts'
import { createRepositoryFacts } from '../memory/repository-facts.ts'
import { createLimiter } from '../orchestrator/limiter.ts'
import type { Verify } from '../proof/prove-run.ts'
import { createVerifier, type Verifier } from '../proof/verify.ts'
import { createAskHost } from '../runs/ask-host.ts'
import { whyForbidden } from '../secrets/forbidden.ts'
import { getRepository } from '../store/rows.ts'
import type { SecretFinder } from '../worktrees/capture.ts'
import { createDependencyCache, type DependencyCache } from '../worktrees/dependency-cache.ts'
import { createRepositories } from '../worktrees/git-repositories.ts'
import { createMendingCache } from '../worktrees/mend-setup.ts'
import { createRepositoryDesk, type RepositoryDesk } from '../worktrees/repository-desk.ts'
import type { Ground } from './ground.ts'
import type { Machine } from './machine.ts'

/** Repositories, and how the daemon finds out for itself whether work is good. */
export interface Proving {
  desk: RepositoryDesk
  dependencies: DependencyCache
  verifier: Verifier
  verify: Verify
  /** Work outside a worktree: its probes, its place, its undo steps. */
  acts: Acts
  /** Folders of this machine that no run may write in. */
  foldersForbidden: string[]
  /** Checks side by side are limited, whoever asked for them. */
  limited: ReturnType<typeof createLimiter>
  /** The owner's own checkout of a goal's repository, where there is one: set-up may copy files from it. */
  ownerCheckout(goal: Goal): Promise<string | null>
  /** Who answers for hosts that policy does not name. */
  askHost: ReturnType<typeof createAskHost>
}

export function createProving(
  { config, paths, world, host, store, inbox, secrets, redactor, memory, table }: Ground,
  { sandbox, shell }: Machine,
  parts: AsyncDisposableStack,
): Proving {
  const desk = parts.use(
    createRepositoryDesk({
      store,
      world,
      repositories: createRepositories({ world, ownerEnv: host.env, secrets: findsSecrets(redactor) }),
      dir: paths.repositoriesDir,
      workspacesDir: paths.workspacesDir,
    }),
  )
  const known = createRepositoryFacts({ memory, world })
  const cache = createDependencyCache({
    world,
    dir: join(paths.cacheDir, 'dependencies'),
    stamp: `${process.version} ${host.path}`,
  })
  const dependencies = createMendingCache(cache, { known: known.setups, world })
  const verifier = createVerifier({
    world,
    sandbox,
    dependencies,
    dir: paths.verifyDir,
    outputDir: paths.outputsDir,
    shell,
    flaky: known.flaky,
  })
  const foldersForbidden = forbiddenFolders({ clawHome: paths.home, ownerHome: host.ownerHome })
  const acts = createActs({
    world,
    table,
    secrets,
    redact: redactor.text,
    sandbox,
    path: host.path,
    ownerHome: host.ownerHome,
    named: config.credentials,
    forbidden: (reference) => whyForbidden(reference, { config, paths, secrets }),
    dir: realpathSync(tmpdir()),
    outputDir: paths.outputsDir,
    foldersForbidden,
  })
  const limited = createLimiter(config.checks.parallelMax)
  const ownerCheckout = async (goal: Goal) => (await getRepository(store.db, goal.repositoryId)).path
  const askHost = createAskHost({
    store,
    world,
    inbox,
    waitMs: Math.min(config.sandbox.askSeconds, config.runs.silenceSeconds / 2) * SECOND,
  })
  return {
    desk,
    dependencies,
    verifier,
    limited,
    acts,
    foldersForbidden,
    ownerCheckout,
    askHost,
    verify: ({ goal, ...input }, signal) =>
      limited(signal, async () => {
        const checkout = await ownerCheckout(goal)
        return verifier.verify({
          ...input,
          signal,
          askHost: askHost({ goal, task: null, runId: null, who: 'a check' }),
          ...(checkout === null ? {} : { ownerCheckout: checkout }),
        })
      }),
  }
}

/** What Claw knows, and what anybody would know for a key. */
function findsSecrets(redactor: Redactor): SecretFinder {
  return {
    finds: (text) => redactor.finds(text) || holdsKey(text),
    text: (text) => withoutKeys(redactor.text(text)),
  }
}
