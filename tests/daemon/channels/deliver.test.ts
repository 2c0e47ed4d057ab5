import { expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../../../core/world.ts'
import type { Channel } from '../../../daemon/channels/channel.ts'
import { createDeliver, DELIVER } from '../../../daemon/channels/deliver.ts'
import { say } from '../../../daemon/channels/say.ts'
import { addOut, type ChatRow, putOut, takeChat } from '../../../daemon/store/chat-rows.ts'
import { createSqliteQueue } from '../../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import type { Tx } from '../../../daemon/store/tables.ts'
import { createFakeServer, type FakeOptions } from '../../fakes/fake-channel.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'

/** An outbox over a fake channel, on a clock of the test's own. */
async function open(options: FakeOptions = {}) {
  const clock = createFakeClock()
  const world = { clock, log: silentLog }
  const store = openSqliteStore(':memory:')
  const queue = createSqliteQueue({ store, world })
  const server = createFakeServer({ now: clock.now })
  let channel: Channel | undefined = server.open(options)
  const deliver = createDeliver({ store, queue, world, channel: () => channel })
  queue.define(DELIVER, ({ key }, signal) => deliver(key, signal))
  onTestFinished(async () => {
    await queue[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  })
  const chat = await store.transaction((tx) => takeChat(tx, clock.now(), 'fake', { id: 'ann', kind: 'direct' }))
  const put = async (work: (tx: Tx, chat: ChatRow) => Promise<void>) => {
    await store.transaction(async (tx) => {
      await work(tx, chat)
      await queue.send(tx, DELIVER, chat.id)
    })
  }
  const rows = () => store.db.selectFrom('chat_out').selectAll().orderBy('id').execute()
  return {
    clock,
    server,
    store,
    queue,
    chat,
    put,
    rows,
    setChannel: (next: Channel | undefined) => {
      channel = next
    },
  }
}

const text = (key: string, words: string) => ({ key, text: words })

test('of many edits while a limit holds only the last is sent', async () => {
  const { clock, server, put, queue, chat } = await open()
  await queue.start()
  await put((tx) => putOut(tx, clock.now(), { ...text('goal:1', '1 of 9'), chatId: chat.id }))
  await clock.advance(10)
  server.limitOnce(5_000)
  for (let n = 2; n <= 9; n++) {
    await put((tx) => putOut(tx, clock.now(), { ...text('goal:1', `${n} of 9`), chatId: chat.id }))
    await clock.advance(100)
  }
  await clock.advance(10_000)
  expect(server.messages.map(({ text }) => text)).toEqual(['9 of 9'])
  expect(server.calls.map((call) => call.do)).toEqual(['send', 'edit'])
})

test('a limit is kept to the moment that was named, and nothing is lost or said twice', async () => {
  const { clock, server, put, queue, chat } = await open({ limits: { textMax: 20 } })
  const start = clock.now()
  await queue.start()
  server.limitOnce(30_000)
  for (const n of [1, 2, 3])
    await put((tx) => addOut(tx, clock.now(), { ...text(`re:${n}`, `answer number ${n}`), chatId: chat.id }))
  await clock.advance(29_000)
  expect(server.messages).toEqual([])
  await clock.advance(2_000)
  expect(server.messages.map(({ text }) => text)).toEqual(['answer number 1', 'answer number 2', 'answer number 3'])
  expect(server.calls[0]!.at).toBeGreaterThanOrEqual(start + 30_000)
})

test('a chat keeps its pace, and answers that wait together go as one message', async () => {
  const { clock, server, put, queue, chat } = await open({ limits: { perChatMs: 1_000 } })
  await queue.start()
  for (let n = 0; n < 100; n++)
    await put((tx) => addOut(tx, clock.now(), { ...text(`re:${n}`, `answer ${n};`), chatId: chat.id }))
  await clock.advance(60_000)
  const said = server.messages.flatMap(({ text }) => text.split(/\s*;\s*/)).filter(Boolean)
  expect(said).toEqual(Array.from({ length: 100 }, (_, n) => `answer ${n}`))
  const times = server.calls.map(({ at }) => at)
  for (let n = 1; n < times.length; n++) expect(times[n]! - times[n - 1]!).toBeGreaterThanOrEqual(1_000)
})

test('after a kill between sending and writing it down the message says that it may come twice', async () => {
  const { clock, server, store, put, queue, chat } = await open()
  await put((tx) => addOut(tx, clock.now(), { ...text('re:1', 'hello'), chatId: chat.id }))
  await store.db.updateTable('chat_out').set({ state: 'sending' }).execute()
  await queue.start()
  await clock.advance(10)
  expect(server.messages.map(({ text }) => text)).toEqual([expect.stringMatching(/see it twice[\s\S]*hello/)])
})

test('where the channel knows a message by its key, the same kill is not seen at all', async () => {
  const { clock, server, store, put, queue, chat } = await open({ capabilities: { idempotent: true } })
  await put((tx) => addOut(tx, clock.now(), { ...text('re:1', 'hello'), chatId: chat.id }))
  await queue.start()
  await clock.advance(10)
  await store.db.updateTable('chat_out').set({ state: 'sending', messageId: null }).execute()
  await put(async () => {})
  await clock.advance(10)
  expect(server.messages.map(({ text }) => text)).toEqual(['hello'])
})

test('what is refused for good is dropped with its reason and holds nobody up', async () => {
  const { clock, server, put, queue, chat, rows } = await open({ limits: { textMax: 10 } })
  await queue.start()
  await put((tx) => addOut(tx, clock.now(), { ...text('re:1', 'much too long for it'), chatId: chat.id }))
  await put((tx) => addOut(tx, clock.now(), { ...text('re:2', 'short'), chatId: chat.id }))
  await clock.advance(1_000)
  expect(server.messages.map(({ text }) => text)).toEqual(['short'])
  expect((await rows()).map(({ state, error }) => [state, error])).toEqual([
    ['dropped', 'too long'],
    ['sent', null],
  ])
})

test('what waits while the channel is away is sent when it is back', async () => {
  const { clock, server, put, queue, chat, setChannel } = await open()
  setChannel(undefined)
  await queue.start()
  await put((tx) => addOut(tx, clock.now(), { ...text('re:1', 'later'), chatId: chat.id }))
  await clock.advance(60_000)
  expect(server.messages).toEqual([])
  setChannel(server.open())
  await put(async () => {})
  await clock.advance(10)
  expect(server.messages.map(({ text }) => text)).toEqual(['later'])
})

test('an edit of a message that is gone is dropped, unless it still asks something', async () => {
  const { clock, server, put, queue, chat } = await open()
  const buttons = [[{ label: 'Yes', data: 'y' }]]
  await queue.start()
  await put((tx) => putOut(tx, clock.now(), { ...text('goal:1', 'one'), chatId: chat.id }))
  await put((tx) => putOut(tx, clock.now(), { ...text('ask:1', 'ask'), buttons, chatId: chat.id }))
  await clock.advance(10)
  for (const { messageId } of [...server.messages]) server.remove(messageId)
  await put((tx) => putOut(tx, clock.now(), { ...text('goal:1', 'two'), chatId: chat.id }))
  await put((tx) => putOut(tx, clock.now(), { ...text('ask:1', 'ask again'), buttons, chatId: chat.id }))
  await clock.advance(1_000)
  expect(server.messages.map(({ text }) => text)).toEqual(['ask again'])
})

test('long words go in pieces that keep the limit, very long ones as a file', async () => {
  const { clock, server, put, queue, chat } = await open({ limits: { textMax: 300, attachAbove: 2_000 } })
  const limits = { textMax: 300, attachAbove: 2_000 }
  await queue.start()
  const words = Array.from({ length: 150 }, (_, n) => `w${n}`).join(' ')
  await put((tx) => say(tx, clock.now(), chat, limits, text('re:1', words)))
  await put((tx) => say(tx, clock.now(), chat, limits, text('re:2', `${words}\n`.repeat(10))))
  await clock.advance(1_000)
  expect(
    server.messages
      .slice(0, -1)
      .map(({ text }) => text)
      .join(' ')
      .split(/\s+/),
  ).toEqual(words.split(' '))
  const last = server.messages.at(-1)!
  expect(new TextDecoder().decode(last.file!.data)).toBe(`${words}\n`.repeat(10))
  expect(last.text.length).toBeLessThanOrEqual(300)
})
