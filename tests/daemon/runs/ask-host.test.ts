import { describe, expect, onTestFinished, test } from 'vitest'
import { SECOND } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createStoreInbox } from '../../../daemon/inbox/store-inbox.ts'
import { createAskHost } from '../../../daemon/runs/ask-host.ts'
import { addGoal, addPlan, addRepository, addRun, addTask, listAsks } from '../../../daemon/store/rows.ts'
import { createSqliteQueue } from '../../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { aGoal, aPlan, aRun, aTask, MORNING } from '../../fakes/views.ts'

const HOST = { host: 'registry.example', port: 443 }
const OTHER_GOAL = { ...aGoal(), id: 'goal_2' as const, number: 2 }

async function aPlace() {
  const clock = createFakeClock()
  const world = { clock, log: silentLog }
  const store = openSqliteStore(':memory:')
  const queue = createSqliteQueue({ store, world })
  const task = { ...aTask(), goalId: aGoal().id }
  await store.transaction(async (tx) => {
    await addRepository(tx, { id: 'repo_1', path: '/r', url: null, gitDir: '/g', createdAt: MORNING })
    await addGoal(tx, aGoal(), null)
    await addGoal(tx, OTHER_GOAL, null)
    await addPlan(tx, aPlan())
    await addTask(tx, task)
    for (const [n, id] of (['run_1', 'run_2'] as const).entries()) {
      await addRun(tx, { ...aRun(), id, attempt: n + 1, taskId: task.id, goalId: task.goalId })
    }
  })
  onTestFinished(async () => {
    await queue[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  })
  const inbox = createStoreInbox({ store, queue, world })
  const create = () => createAskHost({ store, world, inbox, waitMs: 60 * SECOND })
  const asks = () => listAsks(store.db)
  return {
    clock,
    inbox,
    asks,
    /** As after a restart: nothing is remembered but the rows. */
    fresh: (runId: 'run_1' | 'run_2' | null = 'run_1', goal = aGoal()) =>
      create()({ goal, task: goal.id === task.goalId ? task : null, runId, who: 'pi' }),
    async answer(choice: string) {
      await expect.poll(async () => (await asks()).some(({ state }) => state === 'open')).toBe(true)
      await inbox.answer(String((await asks()).find(({ state }) => state === 'open')!.number), { choice, by: 'test' })
    },
  }
}
const never = new AbortController().signal

describe('an unknown host', () => {
  test('is asked about once, with host, port, task and run, however many connections wait for the answer', async () => {
    const place = await aPlace()
    const ask = place.fresh()
    const first = ask(HOST, never)
    const second = ask(HOST, never)
    await place.answer('once')
    expect(await Promise.all([first, second])).toMatchObject([{ isAllowed: true }, { isAllowed: true }])
    const asks = await place.asks()
    expect(asks).toMatchObject([
      { kind: 'host', runId: 'run_1', taskId: aTask().id, fingerprint: 'registry.example:443' },
    ])
    expect(asks[0]!.question).toContain('pi wants to connect to registry.example:443')
    expect(asks[0]!.settledAt).not.toBeNull()
  })

  test.each([
    ['once', { sameRun: true, nextRun: null, otherGoal: null }],
    ['goal', { sameRun: true, nextRun: true, otherGoal: null }],
    ['always', { sameRun: true, nextRun: true, otherGoal: true }],
    ['deny', { sameRun: false, nextRun: false, otherGoal: null }],
  ])('"%s" holds as far as it says, over a restart too', async (choice, holds) => {
    const place = await aPlace()
    const waiting = place.fresh()(HOST, never)
    await place.answer(choice)
    expect((await waiting).isAllowed).toBe(choice !== 'deny')

    const given = new AbortController()
    const later = async (connect: () => Promise<{ isAllowed: boolean }>) => {
      const before = (await place.asks()).length
      let settled: boolean | undefined
      void connect().then(({ isAllowed }) => {
        settled = isAllowed
      })
      await expect.poll(async () => settled !== undefined || (await place.asks()).length > before).toBe(true)
      return settled ?? null
    }
    expect(await later(() => place.fresh()(HOST, given.signal))).toBe(holds.sameRun)
    expect(await later(() => place.fresh('run_2')(HOST, given.signal))).toBe(holds.nextRun)
    expect(await later(() => place.fresh('run_2', OTHER_GOAL)(HOST, given.signal))).toBe(holds.otherGoal)
    given.abort()
  })

  test('another port is another question', async () => {
    const place = await aPlace()
    const waiting = place.fresh()(HOST, never)
    await place.answer('always')
    await waiting
    const given = new AbortController()
    void place.fresh()({ ...HOST, port: 22 }, given.signal)
    expect(await newAsk(place, 1)).toBe('asked')
    given.abort()
  })

  test('the wait has an end; the question has not, and its answer holds for the next connection', async () => {
    const place = await aPlace()
    const waiting = place.fresh()(HOST, never)
    await newAsk(place, 0)
    await place.clock.advance(61 * SECOND)
    expect(await waiting).toMatchObject({ isAllowed: false, reason: expect.stringContaining('has not answered yet') })
    await place.answer('goal')
    expect(await place.fresh()(HOST, never)).toMatchObject({ isAllowed: true })
    expect(await place.asks()).toHaveLength(1)
  })
})

async function newAsk(place: Awaited<ReturnType<typeof aPlace>>, before: number): Promise<'asked'> {
  await expect.poll(async () => (await place.asks()).length, { timeout: 5_000 }).toBe(before + 1)
  return 'asked'
}
