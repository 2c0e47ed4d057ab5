import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { createFacts } from '../../memory/facts.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { type DaemonRoom, fileAt, openRoom, plan, read, task, taskOf } from './daemon-room.ts'
import { aBrain, told } from './scripted-brain.ts'

/** By words alone and without LanceDB: quicker, and the same to the rest of the daemon. */
const memory = { model: null, index: 'sqlite' }

async function repositoryScope(room: DaemonRoom, goal = '1') {
  return `repo:${(await room.daemon.goals.show(goal)).goal.repositoryId}` as const
}

test('a standing preference changes the footprint of the plan, and what slips through is asked about', async () => {
  const withChangelog = { footprint: ['a.txt', 'CHANGELOG.md'] }
  const sly = [
    { do: 'write' as const, path: 'a.txt', text: 'good\n' },
    { do: 'write' as const, path: 'CHANGELOG.md', text: '# 2\n' },
  ]
  const brain = await aBrain(plan([task('a', sly, withChangelog)]), plan([task('a', sly, { footprint: ['**'] })]))
  const room = await openRoom({ ...brain.options, config: { ...brain.options.config, memory } })
  const notes = await room.daemon.memory.open()
  const { note } = await notes.remember({
    kind: 'preference',
    text: 'Never touch CHANGELOG.',
    source: { from: 'owner', ref: null },
  })
  const repository = makeRepository({ 'README.md': '# Hello\n', 'CHANGELOG.md': '# 1\n' })
  await room.add(null, repository)
  const view = await room.settled()

  expect(view.versions.map(({ state }) => state)).toEqual(['refused', 'active'])
  expect(view.versions[0]!.reasons).toEqual([
    `Task "a" has "CHANGELOG.md" in its footprint, and "CHANGELOG.md" may not be changed here: your note "${note.title}" (${note.id}) says so.`,
  ])
  expect(told(brain.server, 0)).toContain('What the owner always wants\\n\\n- Never touch CHANGELOG.')
  expect(view.plan?.draft?.offLimits).toContain('CHANGELOG.md')
  // The second plan claims everything: the work is held to it all the same.
  expect(view.asks).toMatchObject([{ kind: 'guard', detail: expect.stringContaining('standing preference of yours') }])
  await room.answer('guard', 'drop-task')
  await room.settled()
  expect(fileAt(repository, 'main', 'CHANGELOG.md')).toBe('# 1\n')
})

test('what a goal taught is written down once, and the next plan and its agents are told', async () => {
  const steps = {
    turns: [
      [{ do: 'write' as const, path: 'a.txt', text: 'bad\n' }],
      [{ do: 'write' as const, path: 'a.txt', text: 'good\n' }],
    ],
  }
  const lessons = { lessons: [{ title: 'The word is good.', text: 'In a.txt the word must be good, not bad.' }] }
  const brain = await aBrain(
    plan([task('a', steps)]),
    { json: lessons },
    plan([
      task('b', [
        { do: 'run', command: 'true' },
        { do: 'write', path: 'b.txt', text: 'good\n' },
      ]),
    ]),
  )
  const room = await openRoom({ ...brain.options, config: { ...brain.options.config, memory } })
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(null, repository, { text: 'Write the word into a.txt' })
  expect((await room.settled()).goal.state).toBe('met')

  const notes = await room.daemon.memory.open()
  const scope = await repositoryScope(room)
  const titles = () =>
    notes
      .listNotes({ scopes: [scope, 'global'] })
      .map(({ title }) => title)
      .sort()
  expect(titles()).toEqual([
    'Goal #1: Write the word into a.txt',
    'How agents did by kind of task',
    'How reliable the checks of this repository are',
    'What goal #1 taught',
  ])
  expect(await createFacts(notes).agentStats('change')).toMatchObject([
    { agent: 'scripted', tasks: 1, passed: 1, runsPerTask: 2 },
  ])
  // The job again, as after a kill: nothing is told or counted twice.
  room.sql(
    `insert into job (name, key, data, runAt, seq, tries) values ('learn', ?, 'null', 0, 1, 0)`,
    (await room.daemon.goals.show('1')).goal.id,
  )
  await room.restart()
  await room.settled()
  const again = await room.daemon.memory.open()
  await again.settled()
  expect(again.listNotes({ scopes: [scope, 'global'] })).toHaveLength(4)
  expect((await createFacts(again).agentStats('change'))[0]).toMatchObject({ tasks: 1 })

  await room.add(null, repository, { text: 'Write the word into b.txt' })
  expect((await room.settled('2')).goal.state).toBe('met')
  const asked = told(brain.server, 2)
  expect(asked).toContain('In a.txt the word must be good, not bad.')
  expect(asked).toContain('scripted, change: 1 of 1 tasks proven, 2.0 runs each')
  expect(asked).toContain('claw:recalled')
})

test('a flaky check is recognised on the base, does not hold up the work, and the proof and the next planner are told', async () => {
  const flaky = 'test -e .warm || { touch .warm; exit 1; }'
  const holds = (key: string) => [
    { command: `grep -q good ${key}.txt`, kind: 'fails-before' as const },
    { name: 'warm', command: flaky },
  ]
  const brain = await aBrain(
    plan([task('a', undefined, { checks: holds('a') })]),
    plan([task('b', undefined, { checks: holds('b') })]),
  )
  const room = await openRoom({ ...brain.options, config: { ...brain.options.config, memory } })
  const repository = makeRepository({ 'README.md': '# Hello\n', '.gitignore': '.warm\n' })
  await room.add(null, repository)
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  expect(view.plan?.baseline.join('\n')).toContain('"warm" is flaky')
  expect(taskOf(view, 'a').runs).toHaveLength(1)
  const [proof] = taskOf(view, 'a').proofs
  expect(proof?.results.find(({ name }) => name === 'warm')).toMatchObject({
    passed: true,
    flaky: { tries: 2, known: true },
  })
  expect(read(view.goal.reportFile!)).toContain('yes, at the second try: known to be flaky')

  await room.add(null, repository)
  expect((await room.settled('2')).goal.state).toBe('met')
  expect(told(brain.server, 1)).toContain(`\`${flaky}\` is flaky`)
})

test('the second goal skips the set-up failure of the first because of the recipe', async () => {
  const brain = await aBrain(plan([task('a')]), plan([task('b')]))
  const room = await openRoom({ ...brain.options, config: { ...brain.options.config, memory } })
  // The lockfile does not know the dependency: `npm ci` refuses, on every clean checkout.
  const repository = makeRepository({
    'package.json': JSON.stringify({ name: 'app', version: '1.0.0', dependencies: { lib: 'file:./lib' } }),
    'package-lock.json': JSON.stringify({
      name: 'app',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: { '': { name: 'app', version: '1.0.0' } },
    }),
    'lib/package.json': JSON.stringify({ name: 'lib', version: '1.0.0' }),
    '.gitignore': 'node_modules\n',
  })
  const failures = () => room.log.filter((line) => line.includes('set-up failed, another way works')).length
  await room.add(null, repository)
  const first = await room.settled()
  expect(first.goal.state, first.words).toBe('met')
  expect(failures()).toBe(1)
  // Not because it was kept: every checkout is set up anew.
  rmSync(join(room.paths.cacheDir, 'dependencies'), { recursive: true, force: true })

  await room.add(null, repository)
  const second = await room.settled('2')
  expect(second.goal.state, second.words).toBe('met')
  expect(failures()).toBe(1)
  const asked = told(brain.server, 1)
  expect(asked).toContain('npm install --no-package-lock')
  expect(asked).toContain('ended with 1 on a clean checkout')
  expect(fileAt(repository, 'main', 'package-lock.json')).not.toContain('file:./lib')
})

test('an index that lost a note is mended by the daily self-test, and the owner is told once', async () => {
  const room = await openRoom({ config: { memory } })
  const notes = await room.daemon.memory.open()
  const source = { from: 'owner' as const, ref: null }
  await notes.remember({ text: 'The staging server is called frodo.', source })
  await notes.remember({ text: 'Releases are cut on Thursdays.', source })
  await notes.settled()
  await room.restart(async () => {
    const index = new DatabaseSync(join(room.paths.memoryDir, 'engine', 'words.db'))
    index.exec("delete from passage where text like '%frodo%'")
    index.close()
  })
  await room.daemon.upkeep.runNow()
  await room.daemon.upkeep.runNow()
  const told = (await room.daemon.events.page({ after: 0, limit: 1_000 })).filter(
    ({ type }) => type === 'memory.tested',
  )
  expect(told).toMatchObject([
    { data: { repaired: true, problems: [expect.stringContaining('1 notes are not in the index')] } },
  ])
  const { passages } = await (await room.daemon.memory.open()).recall('what is the staging server called')
  expect(passages[0]?.text).toContain('frodo')
})

test('what the owner writes into the folder while the daemon runs is found without a word to the daemon', async () => {
  const room = await openRoom({ config: { memory } })
  const notes = await room.daemon.memory.open()
  await notes.settled()
  const recalled = async (question: string) => (await notes.recall(question)).passages[0]?.text
  // Two seconds are promised; a busy machine is given more before the test is red.
  const within = async (look: () => Promise<boolean>) => {
    const giveUp = systemClock.monotonic() + 10_000
    while (!(await look())) if (systemClock.monotonic() > giveUp) return false
    return true
  }
  const file = join(room.paths.notesDir, 'by-hand.md')
  writeFileSync(file, 'The staging server is called frodo.\n')
  expect(
    await within(async () => (await recalled('what is the staging server called'))?.includes('frodo') ?? false),
  ).toBe(true)
  writeFileSync(file, 'The staging server is called samwise.\n')
  expect(
    await within(async () => (await recalled('what is the staging server called'))?.includes('samwise') ?? false),
  ).toBe(true)
  rmSync(file)
  expect(await within(async () => (await recalled('what is the staging server called')) === undefined)).toBe(true)
})
