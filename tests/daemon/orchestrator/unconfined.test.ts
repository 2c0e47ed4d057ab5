import { expect, onTestFinished, test } from 'vitest'
import { gather } from '../../../daemon/orchestrator/snapshot.ts'
import { addAsk, addGoal, addRepository } from '../../../daemon/store/rows.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { aGoal, anAsk, MORNING } from '../../fakes/views.ts'

test('that there is no sandbox is accepted once per repository', async () => {
  const store = openSqliteStore(':memory:')
  onTestFinished(() => store[Symbol.asyncDispose]())
  const second = { ...aGoal(), id: 'goal_2' as const, number: 2 }
  const elsewhere = { ...aGoal(), id: 'goal_3' as const, number: 3, repositoryId: 'repo_2' as const }
  await store.transaction(async (tx) => {
    for (const id of ['repo_1', 'repo_2'] as const) {
      await addRepository(tx, { id, path: `/${id}`, url: null, gitDir: `/g/${id}`, createdAt: MORNING })
    }
    for (const goal of [aGoal(), second, elsewhere]) await addGoal(tx, goal, null)
  })
  const isUnconfined = async (id: 'goal_1' | 'goal_2' | 'goal_3', isConfined = false) =>
    (await gather(store.db, MORNING, id, undefined, isConfined)).isUnconfined
  expect(await isUnconfined('goal_1', true)).toBeUndefined()
  expect(await isUnconfined('goal_1')).toBe(true)

  await store.transaction((tx) =>
    addAsk(tx, {
      ...anAsk(),
      kind: 'sandbox',
      goalId: 'goal_1',
      state: 'answered',
      settledAt: MORNING,
      answer: { choice: 'accept', text: null, by: 'test', at: MORNING },
    }),
  )
  expect(await isUnconfined('goal_1')).toBe(false)
  expect(await isUnconfined('goal_2'), 'the same repository').toBe(false)
  expect(await isUnconfined('goal_3'), 'another one').toBe(true)
})
