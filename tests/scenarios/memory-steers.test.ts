import { expect, test } from 'vitest'
import { createFacts } from '../../memory/facts.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { type DaemonRoom, fileAt, openRoom, plan, task } from './daemon-room.ts'
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
