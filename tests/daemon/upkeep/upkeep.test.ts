import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DAY, HOUR } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import type { Store } from '../../../daemon/store/store.ts'
import { decideCollection } from '../../../daemon/upkeep/collect-files.ts'
import { compactEvents } from '../../../daemon/upkeep/compact-events.ts'
import { dailyBackup } from '../../../daemon/upkeep/daily-backup.ts'
import { createUpkeep } from '../../../daemon/upkeep/upkeep.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { makeRepository } from '../../fakes/repositories.ts'
import type { Script } from '../../fakes/scripted-agent.ts'
import { openRoom, plan, task } from '../../scenarios/daemon-room.ts'

let folder: string
let store: Store
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-upkeep-'))
  store = openSqliteStore(join(folder, 'claw.db'))
})
afterEach(async () => {
  await store[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('chores run once a day, also after a day that was missed; a fresh home waits for its first', async () => {
  const clock = createFakeClock()
  const world = { clock, log: silentLog }
  let ran = 0
  const chores = [
    { name: 'broken', run: async () => Promise.reject(new Error('as always')) },
    { name: 'counting', run: async () => void ran++ },
  ]
  const first = createUpkeep({ store, world, chores })
  await first.start()
  await clock.advance(DAY - HOUR)
  expect(ran).toBe(0)
  await clock.advance(2 * HOUR)
  expect(ran).toBe(1)
  await clock.advance(3 * DAY)
  expect(ran).toBe(4)
  await first[Symbol.asyncDispose]()
  await clock.advance(5 * DAY)
  expect(ran).toBe(4)

  const second = createUpkeep({ store, world, chores })
  await second.start()
  await clock.advance(1)
  expect(ran).toBe(5)
  // A clock that is set back by a month does not hold it off for a month.
  clock.jump(-30 * DAY)
  await clock.advance(HOUR)
  expect(ran).toBe(6)
  await second[Symbol.asyncDispose]()
})

test('old events go, first what agents said; a goal under way keeps all of its own', async () => {
  const clock = createFakeClock()
  const now = clock.now()
  await store.db
    .insertInto('repository')
    .values({ id: 'repo_1', path: '/r', url: null, gitDir: '/g', createdAt: 1 })
    .execute()
  for (const [n, state] of (['open', 'met'] as const).entries()) {
    await store.db
      .insertInto('goal')
      .values({
        id: `goal_${state}`,
        number: n + 1,
        text: 't',
        branch: 'b',
        repositoryId: 'repo_1',
        targetBranch: 'main',
        land: 'merge',
        autonomy: 'auto',
        limits: '{}',
        source: '{}',
        state,
        createdAt: 1,
      } as never)
      .execute()
  }
  const add = (type: string, days: number, goalId: string | null) =>
    store.db
      .insertInto('event')
      .values({ at: now - days * DAY, type, goalId, taskId: null, runId: null, data: '{}' } as never)
      .execute()
  for (const goalId of ['goal_open', 'goal_met', null]) {
    await add('run.updated', 20, goalId)
    await add('run.updated', 5, goalId)
    await add('run.ended', 20, goalId)
    await add('run.ended', 200, goalId)
  }
  await compactEvents({ store, world: { clock, log: silentLog }, eventDays: 180, chatterDays: 14 }).run(
    new AbortController().signal,
  )
  const left = await store.db.selectFrom('event').select(['goalId', 'type', 'at']).execute()
  const of = (goalId: string | null) =>
    left.filter((row) => row.goalId === goalId).map((row) => `${row.type} ${(now - row.at) / DAY}`)
  expect(of('goal_open')).toHaveLength(4)
  expect(of('goal_met')).toEqual(['run.updated 5', 'run.ended 20'])
  expect(of(null)).toEqual(['run.updated 5', 'run.ended 20'])
})

test('a month of daily backups: the newest few are kept, none on a day without anything new, others are not touched', async () => {
  const clock = createFakeClock()
  const dir = join(folder, 'backups')
  const notesDir = join(folder, 'notes')
  mkdirSync(dir)
  mkdirSync(notesDir)
  writeFileSync(join(dir, 'claw-20200101-000000.tar.gz'), 'made by hand')
  let made = 0
  const chore = dailyBackup({
    store,
    world: { clock, log: silentLog },
    backupsDir: dir,
    notesDir,
    keep: 3,
    makeBackup: async ({ file = '' } = {}) => {
      made++
      writeFileSync(file, 'x')
      return { file, bytes: 1, madeAt: 0, files: 1, repositories: 0, secrets: false, trouble: [] }
    },
  })
  const day = async () => {
    await chore.run(new AbortController().signal)
    await clock.advance(DAY)
  }
  for (let n = 0; n < 30; n++) {
    await store.db
      .insertInto('event')
      .values({ at: 1, type: 'x', goalId: null, taskId: null, runId: null, data: '{}' } as never)
      .execute()
    await day()
  }
  expect(made).toBe(30)
  expect(readdirSync(dir)).toHaveLength(4)
  await day()
  expect(made).toBe(30)
  // A note that was written by hand is something new.
  const note = join(notesDir, 'note.md')
  writeFileSync(note, 'x')
  utimesSync(note, new Date('2100-01-01'), new Date('2100-01-01'))
  await day()
  expect(made).toBe(31)
  expect(existsSync(join(dir, 'claw-20200101-000000.tar.gz'))).toBe(true)
})

test('what goes: first by age, then the oldest until the budget is met; what cannot be met is told', () => {
  const item = (path: string, bytes: number, age: number, maxAgeMs = 10) => ({
    path,
    bytes,
    usedAt: 1_000 - age,
    maxAgeMs,
  })
  const paths = (items: readonly { path: string }[]) => items.map(({ path }) => path)
  const items = [
    item('new', 5, 1),
    item('old', 5, 11),
    item('older', 5, 9),
    item('cache', 5, 500, Number.POSITIVE_INFINITY),
  ]
  expect(paths(decideCollection(items, 1_000, 100).gone)).toEqual(['old'])
  expect(paths(decideCollection(items, 1_000, 10).gone)).toEqual(['old', 'cache'])
  expect(decideCollection(items, 1_000, -3)).toMatchObject({ left: 3, gone: { length: 4 } })
})

test('in a daemon: wires and outputs of ended goals go, those of a goal under way stay, and nobody loses work', async () => {
  const room = await openRoom({ config: { retention: { diskMaxGb: 1e-9 } } })
  const repository = makeRepository({ 'README.md': 'x' })
  await room.add(plan([task('a')]), repository)
  await room.settled()
  await room.add(plan([task('b')]), repository, { autonomy: 'ask-land' })
  await room.settled('2')
  // A third is in the middle: its agent has written something and waits for an answer.
  const steps: Script = [
    { do: 'write', path: 'c.txt', text: 'half of it\n' },
    { do: 'ask', command: 'ssh example.org', yes: [{ do: 'write', path: 'c.txt', text: 'good\n' }] },
  ]
  await room.add(plan([task('c', steps)]), repository)
  await room.openAsk('permission', '3')
  const tasks = room.query<{ id: string; worktree: string | null }>('select id, worktree from task order by createdAt')
  const [ended, landing, midway] = tasks.map((one) => ({ ...one, runs: join(room.paths.runsDir, one.id) }))
  const outputsOf = (goal: number) =>
    room
      .query<{ results: string }>(
        `select p.results from proof p join goal g on g.id = p.goalId where g.number = ${goal}`,
      )
      .flatMap(({ results }) => (JSON.parse(results) as { outputDigest: string }[]).map((one) => one.outputDigest))
  const kept = () => readdirSync(room.paths.outputsDir).map((name) => name.slice(0, 64))
  const refs = room.clone('for-each-ref')
  expect(existsSync(ended!.runs)).toBe(true)
  expect(outputsOf(2).length).toBeGreaterThan(0)

  await room.daemon.upkeep.runNow()
  expect(existsSync(ended!.runs)).toBe(false)
  expect(existsSync(midway!.runs)).toBe(true)
  expect(readFileSync(join(midway!.worktree!, 'c.txt'), 'utf8')).toBe('half of it\n')
  expect(kept()).toEqual(expect.arrayContaining(outputsOf(2)))
  expect(room.clone('for-each-ref')).toBe(refs)
  expect(readdirSync(room.paths.backupsDir)).toHaveLength(1)
  expect(room.log.filter((line) => line.includes('upkeep failed'))).toEqual([])
  // That the budget cannot be met without taking work is said.
  expect(room.log.some((line) => line.includes('the rest holds work'))).toBe(true)
  expect((await room.daemon.goals.report('1')).markdown).toContain('done')
  expect(landing!.worktree).toBeNull()
  await room.answer('land-approval', 'accept')
  expect((await room.until(({ goal }) => goal.state !== 'open', '2')).goal.state).toBe('met')
  const permission = await room.openAsk('permission', '3')
  await room.daemon.inbox.answer(permission.id, { choice: permission.choices[0]!.id, by: 'test' })
  expect((await room.settled('3')).goal.state).toBe('met')
})
