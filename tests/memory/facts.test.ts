import { expect, test } from 'vitest'
import { createFacts } from '../../memory/facts.ts'
import { openRoom } from './room.ts'

test('the set-up that worked is kept, and a failure with the same lockfiles does not take its place', async () => {
  const { memory } = await openRoom()
  const facts = createFacts(memory)
  expect(await facts.findRecipe('app')).toBeUndefined()
  const recipe = { commands: ['npm ci'], lockDigest: 'a', worked: true, lesson: 'needs Node 24', durationMs: 9, at: 1 }
  await facts.learnRecipe('app', recipe)
  await facts.learnRecipe('app', { ...recipe, commands: ['pnpm i'], worked: false })
  expect(await facts.findRecipe('app')).toEqual(recipe)
  expect(await facts.findRecipe('other')).toBeUndefined()
  await memory.settled()
  const { passages } = await memory.recall('how is this repository set up', { scopes: ['repo:app'] })
  expect(passages[0]!.text).toContain('npm ci')
})

test('a check that passes and fails on one tree is flaky; one that fails on another tree is not', async () => {
  const { memory, read } = await openRoom()
  const facts = createFacts(memory)
  const learn = (command: string, tree: string, passed: boolean) =>
    facts.learnChecks('app', [{ command, tree, passed }])
  await learn('npm test', 't1', true)
  await learn('npm test', 't1', false)
  await learn('npm run lint', 't1', true)
  await learn('npm run lint', 't2', false)
  expect(await facts.flakyChecks('app')).toEqual([{ command: 'npm test', passes: 1, failures: 1, trees: 1 }])
  expect(memory.listNotes()).toHaveLength(1)
  expect(read(memory.listNotes()[0]!.path)).toContain('`npm test` is flaky')
})

test('a flaky tree is remembered however many trees come after it', async () => {
  const { memory } = await openRoom()
  const facts = createFacts(memory)
  await facts.learnChecks('app', [{ command: 'c', tree: 'odd', passed: true }])
  await facts.learnChecks('app', [{ command: 'c', tree: 'odd', passed: false }])
  for (let i = 0; i < 30; i++) await facts.learnChecks('app', [{ command: 'c', tree: `t${i}`, passed: true }])
  expect((await facts.flakyChecks('app'))[0]).toMatchObject({ command: 'c', trees: 1 })
})

test('files that change together are counted, each change once, sweeping ones not at all', async () => {
  const { memory } = await openRoom()
  const facts = createFacts(memory)
  const change = (commit: string, ...files: string[]) => facts.learnChange('app', { commit, files, at: 1 })
  await change('c1', 'a.ts', 'b.ts')
  await change('c2', 'a.ts', 'b.ts', 'c.ts')
  await change('c2', 'a.ts', 'b.ts', 'c.ts')
  await change('c3', ...Array.from({ length: 100 }, (_, i) => `f${i}`), 'a.ts')
  expect(await facts.changedTogether('app', ['a.ts'])).toEqual([
    { file: 'b.ts', together: 2, of: 2 },
    { file: 'c.ts', together: 1, of: 2 },
  ])
})

test('agents are ranked by what was proven, and little evidence counts for little', async () => {
  const { memory } = await openRoom()
  const facts = createFacts(memory)
  const result = { kindOfTask: 'change', runs: 1, durationMs: 5, usd: null, at: 1 }
  await facts.learnAgentResults([{ ...result, agent: 'new', passed: true }])
  for (let i = 0; i < 10; i++) await facts.learnAgentResults([{ ...result, agent: 'old', passed: i > 0 }])
  expect((await facts.agentStats('change')).map(({ agent, tasks, passed }) => ({ agent, tasks, passed }))).toEqual([
    { agent: 'old', tasks: 10, passed: 9 },
    { agent: 'new', tasks: 1, passed: 1 },
  ])
})

test('many results at the same moment are all counted', async () => {
  const { memory } = await openRoom()
  const facts = createFacts(memory)
  await Promise.all(
    Array.from({ length: 20 }, () =>
      facts.learnAgentResults([
        {
          agent: 'a',
          kindOfTask: 'change',
          passed: true,
          runs: 1,
          durationMs: 1,
          usd: 0.5,
          at: 1,
        },
      ]),
    ),
  )
  expect((await facts.agentStats())[0]).toMatchObject({ tasks: 20, usd: 10 })
})

test('a fact that the owner made unreadable is started anew, not fatal', async () => {
  const { memory, put, read } = await openRoom()
  const facts = createFacts(memory)
  await facts.learnChecks('app', [{ command: 'c', tree: 't', passed: true }])
  const { path } = memory.listNotes()[0]!
  put(path, read(path).replace(/^ {2}checks:[\s\S]*?^---$/m, '  checks: 7\n---'))
  await memory.settled()
  expect(await facts.flakyChecks('app')).toEqual([])
  await facts.learnChecks('app', [{ command: 'c', tree: 't', passed: true }])
  expect(memory.listNotes()).toHaveLength(1)
})

test('what was learned from a goal is not counted again, in whatever order it is told', async () => {
  const { memory } = await openRoom()
  const facts = createFacts(memory)
  const result = { agent: 'a', kindOfTask: 'change', passed: true, runs: 1, durationMs: 1, usd: null, at: 1 }
  for (const from of ['goal_1', 'goal_2', 'goal_1']) {
    await facts.learnAgentResults([result, result], from)
    await facts.learnChecks('app', [{ command: 'c', tree: 't', passed: from === 'goal_1' }], from)
    await facts.learnConventions('app', { checks: ['npm test'], testFolders: ['tests'] }, from)
  }
  expect((await facts.agentStats())[0]).toMatchObject({ tasks: 4, passed: 4 })
  expect(await facts.flakyChecks('app')).toEqual([{ command: 'c', passes: 1, failures: 1, trees: 1 }])
  const customs = memory.listNotes({ scopes: ['repo:app'], subject: 'conventions' })[0]!
  expect((await memory.getNote(customs.id)).body).toContain('`npm test` (2 goals)')
})

test('however much is counted, the note can be read again, and what matters most is still there', async () => {
  const { memory } = await openRoom()
  const facts = createFacts(memory)
  const tree = (n: number) => n.toString(16).padStart(8, '0').padEnd(40, 'a')
  await facts.learnChecks(
    'repo_1',
    [true, false].map((passed) => ({ command: 'flaky one', tree: tree(1), passed })),
    'g0',
  )
  const many = Array.from({ length: 4_000 }, (_, i) => ({
    command: `npm run check-number-${i % 200} -- --with some/arguments --and more`,
    tree: tree(i),
    passed: true,
  }))
  await facts.learnChecks('repo_1', many, 'g1')
  for (let n = 0; n < 60; n++) {
    const files = Array.from(
      { length: 40 },
      (_, i) => `packages/some-package-${n}/src/some-folder/a-file-number-${i}.ts`,
    )
    await facts.learnChange('repo_1', { commit: tree(n), files, at: n })
  }
  expect(memory.listNotes({ scopes: ['repo:repo_1'] }).map(({ problem }) => problem)).toEqual([null, null])
  expect(await facts.flakyChecks('repo_1')).toMatchObject([{ command: 'flaky one', trees: 1 }])
  expect(
    await facts.changedTogether('repo_1', ['packages/some-package-59/src/some-folder/a-file-number-0.ts']),
  ).toHaveLength(39)
})
