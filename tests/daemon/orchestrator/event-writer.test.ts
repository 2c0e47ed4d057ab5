import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { silentLog } from '../../../core/world.ts'
import { createEventWriter } from '../../../daemon/orchestrator/event-writer.ts'
import { latestEvent, listEvents } from '../../../daemon/store/rows.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'

async function opened() {
  const clock = createFakeClock()
  const warnings: string[] = []
  const log = { ...silentLog, warn: (_: unknown, message = '') => void warnings.push(message) }
  const store = openSqliteStore(':memory:')
  return { clock, warnings, store, writer: createEventWriter({ store, world: { clock, log } }) }
}
const said = (text: string) => ({ type: 'run.updated' as const, data: { kind: 'text', text } })

test('a few updates wait for their moment and are written together, in order', async () => {
  const { clock, store, writer } = await opened()
  for (const text of ['one', 'two', 'three']) writer.write(said(text))
  expect(await latestEvent(store.db)).toBe(0)
  await clock.advance(100)
  await writer.flush()
  const events = await listEvents(store.db, { after: 0, limit: 10 })
  expect(events.map(({ data }) => (data as { text: string }).text)).toEqual(['one', 'two', 'three'])
})

test('a burst of more updates than may wait loses none, though the moment has not come', async () => {
  const { warnings, store, writer } = await opened()
  const [chunks, size] = [30, 400]
  for (let n = 0; n < chunks; n++) {
    for (let i = 0; i < size; i++) writer.write(said(`${n}.${i}`))
    await turn() // as chunks come from a pipe
  }
  await writer.flush()
  expect(await latestEvent(store.db)).toBe(chunks * size)
  expect(warnings).toEqual([])
})

test('what cannot be written in time makes room for what comes, and it is said how much', async () => {
  const { warnings, store, writer } = await opened()
  for (let i = 0; i < 5_010; i++) writer.write(said(String(i)))
  await writer.flush()
  const [first] = await listEvents(store.db, { after: 0, limit: 1 })
  expect((first!.data as { text: string }).text).toBe('10')
  expect(await latestEvent(store.db)).toBe(5_000)
  expect(warnings).toEqual(['events dropped, an agent floods'])
})
