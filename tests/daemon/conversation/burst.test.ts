import { expect, test } from 'vitest'
import { openChatRoom } from './chat-room.ts'

const PEOPLE = 10
const EACH = 100

test('of a thousand messages in a burst none is lost and none is answered twice, through limits, redelivery and a restart', {
  timeout: 300_000,
}, async () => {
  // A message that is known by its key is one, however often it is sent around a restart.
  const chat = await openChatRoom({ channel: { capabilities: { idempotent: true }, limits: { perChatMs: 5 } } })
  const names = Array.from({ length: PEOPLE }, (_, n) => `p${n}`)
  for (const name of names) await chat.pair(name, 'owner')
  await chat.quiet()
  const before = chat.server.messages.length

  const numbers: number[] = []
  const say = (n: number) => {
    const name = names[n % PEOPLE]!
    const number = 700_000 + n
    numbers.push(number)
    const eventId = chat.say(name, `/plan ${number}`)
    // Every third one comes twice, as it does where an acknowledgement was lost.
    if (n % 3 === 0) chat.say(name, `/plan ${number}`, { eventId })
  }
  const total = PEOPLE * EACH
  for (let n = 0; n < total / 2; n++) say(n)
  let limits = 0
  const limiting = setInterval(() => {
    limits++
    chat.server.limitOnce(20)
  }, 100)
  try {
    await expect.poll(() => chat.server.messages.length, { timeout: 60_000 }).toBeGreaterThan(before + 20)
    await chat.room.restart(async () => {
      for (let n = total / 2; n < total; n++) say(n)
    })
    await chat.open(chat.server)
    await expect
      .poll(() => chat.room.query<{ n: number }>('select count(*) as n from chat_event')[0]!.n, { timeout: 120_000 })
      .toBe(total + PEOPLE)
    await chat.quiet()
  } finally {
    clearInterval(limiting)
  }

  const said = chat.server.messages.slice(before)
  const answers = new Map<number, number>()
  for (const { text } of said) {
    for (const [found] of text.matchAll(/7\d{5}/g)) answers.set(Number(found), (answers.get(Number(found)) ?? 0) + 1)
  }
  expect(numbers.filter((number) => answers.get(number) !== 1)).toEqual([])
  expect(answers.size).toBe(total)
  expect(limits).toBeGreaterThan(0)
  // Answers that waited together went together: a burst is no flood.
  expect(said.length).toBeLessThan(total)
})
