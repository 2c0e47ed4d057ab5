import { createHash } from 'node:crypto'
import { isFault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { cacheKey, type DependencyCache, type Prepared, type PrepareOptions } from './dependency-cache.ts'
import type { Recipe } from './recipe.ts'

/** What is known of the set-up of a repository, from one goal to the next. */
export interface KnownSetups {
  /** The commands that made a checkout ready, or did not, and the lockfiles they were seen with. */
  find(gitDir: string): Promise<KnownSetup | undefined>
  learn(gitDir: string, setup: KnownSetup & { lesson: string; durationMs: number }): Promise<void>
}

export interface KnownSetup {
  commands: string[]
  lockDigest: string | null
  worked: boolean
}

/**
 * A dependency cache that knows what worked before, and another way where the usual one fails.
 *
 * What a repository's files suggest is tried first, unless it is known that with the very same lockfiles
 * something else was needed. Where it fails, what once worked here is tried, then, on files that nobody has
 * changed, the same without the strictness that often is the reason. A set-up that the owner wrote into
 * claw.yaml is theirs: nothing else is tried. What worked is learned, so that the next checkout begins with it.
 */
export function createMendingCache(
  cache: DependencyCache,
  { known, world }: { known: KnownSetups; world: World },
): DependencyCache {
  return {
    ...cache,
    async prepare(options) {
      const { recipe, gitDir } = options
      if (recipe.setup.length === 0 || recipe.source === 'claw.yaml' || gitDir === undefined)
        return cache.prepare(options)
      const own = recipe.setup.map(({ command }) => command)
      const lockDigest = await digestOf(recipe, options.worktree)
      const before = await known.find(gitDir)
      const startedAt = world.clock.monotonic()
      let refused: { error: Error; command: string; exitCode: number | null; tail: string } | undefined
      for (const commands of waysToTry(own, { before, lockDigest, mayMend: options.mayMend ?? false })) {
        try {
          const prepared = await attempt(cache, options, commands)
          if (prepared.how === 'built' && !isKnown(before, commands, lockDigest)) {
            const lesson = refused ? lessonOf(refused, commands) : ''
            if (refused)
              world.log.warn({ failed: refused.command, works: commands }, 'set-up failed, another way works')
            const durationMs = Math.round(world.clock.monotonic() - startedAt)
            await known.learn(gitDir, { commands, lockDigest, worked: true, lesson, durationMs })
          }
          return prepared
        } catch (error) {
          if (!isFault(error, 'setup_failed') || options.signal?.aborted) throw error
          const details = error.details as { command: string; exitCode: number | null; tail: string }
          refused ??= { error, ...details }
        }
      }
      throw refused!.error
    },
  }
}

function attempt(cache: DependencyCache, options: PrepareOptions, commands: readonly string[]): Promise<Prepared> {
  const { recipe } = options
  const like = recipe.setup[0]!
  const setup = commands.map((command) => recipe.setup.find((step) => step.command === command) ?? { ...like, command })
  return cache.prepare({ ...options, recipe: { ...recipe, setup } })
}

/** Pure. Each way once, the most likely first. */
export function waysToTry(
  own: readonly string[],
  of: { before: KnownSetup | undefined; lockDigest: string; mayMend: boolean },
): string[][] {
  const worked = of.before?.worked ? [of.before.commands] : []
  const isSure = of.before?.lockDigest === of.lockDigest
  const ways = [...(isSure ? worked : []), [...own], ...worked, ...(of.mayMend ? lessStrict(own) : [])]
  const seen = new Set<string>()
  return ways.filter((way) => !seen.has(JSON.stringify(way)) && seen.add(JSON.stringify(way)))
}

/** Lockfiles that do not fit their manifests are left aside, not rewritten: a set-up changes no tracked file. */
const LESS_STRICT: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^npm ci\b/, ['npm install --no-package-lock', 'npm install --no-package-lock --legacy-peer-deps']],
  [/^npm install --no-package-lock(?! --legacy)/, ['npm install --no-package-lock --legacy-peer-deps']],
  [/^pnpm install --frozen-lockfile\b/, ['pnpm install --no-lockfile']],
  [/^yarn install --frozen-lockfile\b/, ['yarn install --pure-lockfile']],
  [/^bun install --frozen-lockfile\b/, ['bun install --no-save']],
]

function lessStrict(own: readonly string[]): string[][] {
  return own.flatMap((command, n) => {
    const [pattern, others] = LESS_STRICT.find(([one]) => one.test(command)) ?? []
    if (!pattern || !others) return []
    return others.map((other) => own.with(n, command.replace(pattern, other)))
  })
}

function isKnown(before: KnownSetup | undefined, commands: readonly string[], lockDigest: string): boolean {
  return (
    before?.worked === true && before.lockDigest === lockDigest && before.commands.join('\n') === commands.join('\n')
  )
}

function lessonOf(
  { command, exitCode, tail }: { command: string; exitCode: number | null; tail: string },
  works: readonly string[],
): string {
  const said = tail.trim().split('\n').slice(0, 6).join('\n').slice(0, 600)
  const how = exitCode === null ? 'was ended early' : `ended with ${exitCode}`
  return `\`${command}\` ${how} on a clean checkout; \`${works.join('; ')}\` works. It had said:\n\n${said.replace(/^/gm, '    ')}`
}

/** Of the lockfiles and manifests as they lie there, whatever the commands. */
async function digestOf(recipe: Recipe, worktree: string): Promise<string> {
  const key = await cacheKey({ ...recipe, setup: [] }, worktree, '')
  return createHash('sha256').update(key).digest('hex').slice(0, 16)
}
