import { expect, test } from 'vitest'
import { HOUR } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import { silentLog } from '../../../core/world.ts'
import type { Brain } from '../../../daemon/brain/brain.ts'
import { loadPrompts } from '../../../daemon/prompts/prompts.ts'
import { createReadTime } from '../../../daemon/schedules/read-time.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { openScheduleRoom } from './schedule-room.ts'

const NOW = Date.UTC(2026, 10, 23, 8, 0)

/** A brain that gives this for an answer, and what it was asked. */
function aReader(answer: string | null | Error) {
  const asked: string[] = []
  const brain: Brain = {
    name: 'scripted',
    async ask(question) {
      asked.push(`${question.system}\n${question.prompt}`)
      if (answer instanceof Error) throw answer
      return {
        value: question.schema.parse({ when: answer }),
        usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: null },
      }
    },
  }
  const world = { clock: createFakeClock(NOW), log: silentLog }
  return { asked, readTime: createReadTime({ brain, prompts: loadPrompts(), world }) }
}

const WORDS = 'whenever the second tuesday comes round, at tea time'
const goal = { text: 'Look after it' }

test('words that the grammar gives up on are read by the brain for a preview, and shown as the next five moments', async () => {
  const { asked, readTime } = aReader('0 16 * * 2#2')
  await using room = await openScheduleRoom({ readTime })
  const preview = await room.schedules.preview({ when: { text: WORDS, timezone: 'Europe/Berlin' }, goal })
  expect(preview.readBy).toBe('model')
  expect(preview.upcoming.map((at) => new Date(at).toISOString())).toEqual([
    '2026-12-08T15:00:00.000Z',
    '2027-01-12T15:00:00.000Z',
    '2027-02-09T15:00:00.000Z',
    '2027-03-09T15:00:00.000Z',
    '2027-04-13T14:00:00.000Z',
  ])
  // It is told what the owner's clock shows, not the daemon's.
  expect(asked[0]).toContain('It is now 2026-11-23 09:00 (Monday), on a clock in Europe/Berlin.')
  expect(asked[0]).toContain(WORDS)
  expect(await room.schedules.list()).toEqual([])
})

test('what was read is kept only when it comes back with the words; the words alone are refused', async () => {
  const { asked, readTime } = aReader('every 90 minutes')
  await using room = await openScheduleRoom({ readTime })
  const when = { text: 'now and then', timezone: 'UTC' }
  await expect(room.schedules.add({ when, goal })).rejects.toMatchObject({ code: 'input_invalid' })
  expect(asked).toEqual([])
  const { schedule } = await room.schedules.preview({ when, goal })
  if (schedule.when.kind !== 'every') throw new Error(`read as ${schedule.when.kind}`)
  const added = await room.schedules.add({ when: { ...when, readAs: schedule.when }, goal })
  expect(added.schedule).toMatchObject({ words: 'now and then', when: { kind: 'every', everyMs: 1.5 * HOUR } })
})

test('words that the grammar knows cost no question', async () => {
  const { asked, readTime } = aReader('0 0 1 1 *')
  await using room = await openScheduleRoom({ readTime })
  const preview = await room.schedules.preview({ when: { text: 'every weekday at 9' }, goal })
  expect(preview).toMatchObject({ readBy: 'grammar', schedule: { when: { pattern: '0 9 * * 1-5' } } })
  expect(asked).toEqual([])
})

test.each([
  ['cannot say it', null],
  ['talks nonsense', 'every blue moon'],
  ['names a moment that is over', '2020-01-01T00:00'],
  ['cannot be asked', new Fault('brain_missing', 'there is none')],
  ['breaks', new Error('a bug')],
])('a brain that %s leaves the grammar’s own complaint', async (_, answer) => {
  const { readTime } = aReader(answer)
  await using room = await openScheduleRoom({ readTime })
  await expect(room.schedules.preview({ when: { text: WORDS }, goal })).rejects.toMatchObject({
    code: 'input_invalid',
    message: expect.stringContaining('is not a time that is understood'),
  })
})
