import { expect, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import { fileAt, openRoom, plan, states, task } from '../scenarios/daemon-room.ts'

test('twenty worktrees at once of a repository with 5,000 files', async () => {
  const names = Array.from({ length: 20 }, (_, n) => `task-${n}`)
  const files = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`src/${n % 50}/file-${n}.txt`, `${n}\n`]))
  const room = await openRoom({ waitMsMax: 300_000, config: { runs: { max: 20, perRepositoryMax: 20 } } })
  const repository = makeRepository(files)
  // Each waits for the others to be there as well, so that all twenty are open at the same time.
  const steps = (name: string) => [
    { do: 'ask' as const, command: 'ssh example.org', yes: [], no: [] },
    { do: 'write' as const, path: `${name}.txt`, text: 'good\n' },
  ]
  await room.add(plan(names.map((name) => task(name, steps(name)))), repository)
  const open = await room.until((view) => view.openAsks === 20)
  expect(new Set(open.taskViews.map(({ task: row }) => row.worktree)).size).toBe(20)
  for (const ask of await room.daemon.inbox.list()) {
    await room.daemon.inbox.answer(ask.id, { choice: 'reject', by: 'test' })
  }
  const view = await room.settled()
  expect(states(view)).toEqual(names.map(() => 'done'))
  expect(view.goal.state).toBe('met')
  for (const name of names) expect(fileAt(repository, 'main', `${name}.txt`)).toBe('good\n')
  expect(room.clone('worktree', 'list').split('\n')).toHaveLength(1)
  expect(await room.alive()).toEqual([])
}, 600_000)
