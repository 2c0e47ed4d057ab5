import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createDependencyCache, type PrepareOptions } from '../../../daemon/worktrees/dependency-cache.ts'
import { createMendingCache, type KnownSetup, waysToTry } from '../../../daemon/worktrees/mend-setup.ts'
import { inferRecipe } from '../../../daemon/worktrees/recipe-infer.ts'

const CI = 'npm ci --no-audit --no-fund'
const LOOSE = 'npm install --no-package-lock --no-audit --no-fund'
const LEGACY = 'npm install --no-package-lock --legacy-peer-deps --no-audit --no-fund'
const worked = (commands: string[], lockDigest: string): KnownSetup => ({ commands, lockDigest, worked: true })

test.each<[string, Parameters<typeof waysToTry>[1], string[][]]>([
  [
    'nothing known, files as on the base',
    { before: undefined, lockDigest: 'x', mayMend: true },
    [[CI], [LOOSE], [LEGACY]],
  ],
  [
    'the work changed the lockfile: its failure is its own',
    { before: undefined, lockDigest: 'x', mayMend: false },
    [[CI]],
  ],
  [
    'known with the same lockfile: begun with',
    { before: worked([LOOSE], 'x'), lockDigest: 'x', mayMend: true },
    [[LOOSE], [CI], [LEGACY]],
  ],
  [
    'known with another lockfile: the usual way may work again',
    { before: worked([LOOSE], 'y'), lockDigest: 'x', mayMend: false },
    [[CI], [LOOSE]],
  ],
  [
    'known not to work: no help',
    { before: { commands: ['make deps'], lockDigest: 'x', worked: false }, lockDigest: 'x', mayMend: false },
    [[CI]],
  ],
])('%s', (_, of, ways) => {
  expect(waysToTry([CI], of)).toEqual(ways)
})

function aCheckout(works: (command: string) => boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'claw-mend-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const files = { 'package.json': '{"dependencies":{"a":"1"}}', 'package-lock.json': '{}' }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const ran: string[] = []
  const options = (change: Partial<PrepareOptions> = {}): PrepareOptions => ({
    worktree: folder,
    toolchain: join(folder, '.toolchain'),
    recipe: inferRecipe(Object.keys(files), files),
    gitDir: '/clones/repo_1.git',
    mayMend: true,
    async run({ command }) {
      ran.push(command)
      return { exitCode: works(command) ? 0 : 1, timedOut: false, tail: `npm says no to ${command}` }
    },
    ...change,
  })
  const world = { clock: systemClock, log: silentLog }
  const learned: unknown[] = []
  let before: KnownSetup | undefined
  const cache = createMendingCache(createDependencyCache({ world, dir: join(folder, 'cache') }), {
    world,
    known: {
      find: async () => before,
      async learn(gitDir, setup) {
        learned.push(gitDir)
        before = setup
      },
    },
  })
  return { cache, options, ran, learned, known: () => before }
}

test('what worked is learned with why, and the next checkout begins with it', async () => {
  const { cache, options, ran, learned, known } = aCheckout((command) => command === LOOSE)
  await cache.prepare(options())
  expect(ran).toEqual([CI, LOOSE])
  expect(learned).toEqual(['/clones/repo_1.git'])
  expect(known()).toMatchObject({
    commands: [LOOSE],
    worked: true,
    lesson: expect.stringContaining(`npm says no to ${CI}`),
  })
  await cache.prepare(options())
  expect(ran).toEqual([CI, LOOSE])
})

test('where nothing works the usual command’s failure is told, and nothing is learned', async () => {
  const { cache, options, learned } = aCheckout(() => false)
  await expect(cache.prepare(options())).rejects.toMatchObject({ code: 'setup_failed', details: { command: CI } })
  expect(learned).toEqual([])
})

test('a set-up that the owner wrote into claw.yaml is not replaced', async () => {
  const { cache, options, ran } = aCheckout(() => false)
  const { recipe } = options()
  await expect(cache.prepare(options({ recipe: { ...recipe, source: 'claw.yaml' } }))).rejects.toMatchObject({
    code: 'setup_failed',
  })
  expect(ran).toEqual([CI])
})
