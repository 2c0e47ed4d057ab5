import { expect, onTestFinished, test } from 'vitest'
import type { Ask } from '../../../core/ask.ts'
import { silentLog } from '../../../core/world.ts'
import { mootAsk } from '../../../daemon/inbox/ask.ts'
import { createStoreInbox } from '../../../daemon/inbox/store-inbox.ts'
import { addAsk, addGoal, addRepository } from '../../../daemon/store/rows.ts'
import { createSqliteQueue } from '../../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { inboxContract } from '../../contracts/inbox.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { aGoal, anAsk, MORNING } from '../../fakes/views.ts'

async function anInbox() {
  const world = { clock: createFakeClock(), log: silentLog }
  const store = openSqliteStore(':memory:')
  const queue = createSqliteQueue({ store, world })
  await store.transaction(async (tx) => {
    await addRepository(tx, { id: 'repo_1', path: '/r', url: null, gitDir: '/g', createdAt: MORNING })
    await addGoal(tx, aGoal(), null)
  })
  onTestFinished(async () => {
    await queue[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  })
  return {
    store,
    inbox: createStoreInbox({ store, queue, world }),
    put: (ask: Ask) => store.transaction((tx) => addAsk(tx, ask)),
  }
}

inboxContract('the store', anInbox)

const CHOICES = [
  { id: 'retry', label: 'Again' },
  { id: 'keep', label: 'Go on' },
  { id: 'drop', label: 'Drop' },
]

test('words alone mean the choice that takes words', async () => {
  const { inbox, put } = await anInbox()
  await put(anAsk({ choices: CHOICES, freeText: true }))
  expect((await inbox.answer('1', { text: ' use tabs ', by: 'cli' })).answer).toMatchObject({
    choice: 'retry',
    text: 'use tabs',
  })
})

test('a question without choices wants words', async () => {
  const { inbox, put } = await anInbox()
  await put(anAsk({ choices: [] }))
  await expect(inbox.answer('1', { by: 'cli' })).rejects.toMatchObject({ code: 'input_invalid' })
  expect((await inbox.answer('1', { text: 'blue', by: 'cli' })).answer).toMatchObject({ choice: null, text: 'blue' })
})

test('a slip is answered with the nearest choice', async () => {
  const { inbox, put } = await anInbox()
  await put(anAsk({ choices: CHOICES }))
  await expect(inbox.answer('1', { choice: 'kepp', by: 'cli' })).rejects.toMatchObject({ hint: 'Did you mean keep?' })
})

test('whoever waits is told when it is answered, when it is moot, and when it was answered before', async () => {
  const { inbox, put, store } = await anInbox()
  const signal = new AbortController().signal
  await put(anAsk({ number: 1 }))
  await put(anAsk({ number: 2 }))
  const first = inbox.settled('ask_1', signal)
  await inbox.answer('1', { choice: 'approve', by: 'cli' })
  expect((await first).answer?.choice).toBe('approve')
  expect((await inbox.settled('ask_1', signal)).state).toBe('answered')
  const second = await inbox.get('2')
  await store.transaction((tx) => mootAsk(tx, MORNING, second))
  expect((await inbox.settled('ask_2', signal)).state).toBe('moot')
  await expect(inbox.answer('2', { choice: 'approve', by: 'cli' })).rejects.toMatchObject({ code: 'ask_answered' })
})

test('whoever waits can leave', async () => {
  const { inbox, put } = await anInbox()
  await put(anAsk())
  const leaving = new AbortController()
  const waiting = inbox.settled('ask_1', leaving.signal)
  leaving.abort(new Error('over'))
  await expect(waiting).rejects.toThrow()
})

test('one row that cannot be read hides only itself', async () => {
  const { inbox, put, store } = await anInbox()
  await put(anAsk({ number: 1 }))
  await put(anAsk({ number: 2 }))
  await store.db.updateTable('ask').set({ choices: '{' }).where('number', '=', 1).execute()
  expect((await inbox.list()).map(({ number }) => number)).toEqual([2])
})
