import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DAY, MINUTE, SECOND } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import type { Desktop } from '../../../daemon/desktop/desktop.ts'
import { createOwnerDesktop } from '../../../daemon/desktop/owner-desktop.ts'
import { addEvent } from '../../../daemon/store/rows.ts'
import { createSqliteQueue } from '../../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { createRowGoals } from '../../fakes/row-goals.ts'

async function openOwner(over: { isTold?: () => Promise<boolean> } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'claw-owner-desktop-'))
  const clock = createFakeClock()
  const world = { clock, log: silentLog }
  const store = openSqliteStore(join(dir, 'claw.db'))
  const queue = createSqliteQueue({ store, world })
  const said: string[] = []
  const notices: { title: string; body: string }[] = []
  const desktop: Desktop = {
    words: 'a fake',
    stayAwake() {
      said.push('awake')
      return {
        async [Symbol.asyncDispose]() {
          said.push('let go')
        },
      }
    },
    async notify(notice) {
      notices.push(notice)
      return true
    },
  }
  const owner = createOwnerDesktop({
    store,
    world,
    desktop,
    isAwakeWanted: true,
    isNoticeWanted: true,
    isTold: async () => false,
    ...over,
  })
  return {
    clock,
    store,
    queue,
    owner,
    said,
    notices,
    goals: createRowGoals({ store, world }),
    send: (name: string, delayMs = 0) => store.transaction((tx) => queue.send(tx, name, 'k', { delayMs })),
    cancel: (name: string) => store.transaction((tx) => queue.cancel(tx, name, 'k')),
    ask: (number: number) =>
      store.transaction((tx) =>
        addEvent(tx, clock.now(), { type: 'ask.opened', data: { number, kind: 'question', question: `Q${number}?` } }),
      ),
    async [Symbol.asyncDispose]() {
      await owner[Symbol.asyncDispose]()
      await queue[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

test('the machine stays awake while there is work, and a minute longer, and not for what only waits', async () => {
  await using desk = await openOwner()
  await desk.owner.start()
  await desk.send('advance')
  await desk.send('fire', DAY)
  await desk.clock.advance(5 * SECOND)
  expect(desk.said).toEqual([])
  await desk.send('run')
  await desk.clock.advance(5 * SECOND)
  expect(desk.said).toEqual(['awake'])
  await desk.cancel('run')
  await desk.clock.advance(30 * SECOND)
  await desk.send('prove')
  await desk.clock.advance(30 * MINUTE)
  expect(desk.said).toEqual(['awake'])
  await desk.cancel('prove')
  await desk.clock.advance(2 * MINUTE)
  expect(desk.said).toEqual(['awake', 'let go'])
})

test('work left over from before is seen at the start, and the daemon’s end lets go', async () => {
  const desk = await openOwner()
  await desk.send('run')
  await desk.owner.start()
  await desk.clock.advance(5 * SECOND)
  expect(desk.said).toEqual(['awake'])
  await desk[Symbol.asyncDispose]()
  expect(desk.said).toEqual(['awake', 'let go'])
})

test('the screen says what waits for the owner and how a goal ended, and nothing of before', async () => {
  await using desk = await openOwner()
  await desk.ask(1)
  await desk.owner.start()
  const { goal } = await desk.goals.add({ text: 'Add rate limiting' })
  await desk.ask(2)
  await desk.store.transaction((tx) =>
    addEvent(tx, desk.clock.now(), { type: 'goal.met', goalId: goal.id, data: { outcome: 'done' } }),
  )
  await desk.clock.advance(5 * SECOND)
  expect(desk.notices).toEqual([
    { title: 'Claw asks (2)', body: 'Q2?' },
    { title: 'Goal #1 is met', body: 'Add rate limiting' },
  ])
})

test('a flood of asks is three notices, and none where a channel has told', async () => {
  await using desk = await openOwner()
  await desk.owner.start()
  for (let number = 1; number <= 10; number++) await desk.ask(number)
  await desk.clock.advance(5 * SECOND)
  expect(desk.notices).toHaveLength(3)
  await using told = await openOwner({ isTold: async () => true })
  await told.owner.start()
  await told.ask(1)
  await told.clock.advance(5 * SECOND)
  expect(told.notices).toEqual([])
})
