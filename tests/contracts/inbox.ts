import { describe, expect, test } from 'vitest'
import type { Ask } from '../../core/ask.ts'
import type { Inbox } from '../../daemon/inbox/inbox.ts'
import { anAsk } from '../fakes/views.ts'

/** What every inbox must do. `put` opens an ask as it stands. */
export function inboxContract(
  name: string,
  open: () => Promise<{ inbox: Inbox; put(ask: Ask): Promise<void> | void }>,
) {
  describe(`${name} keeps the contract of an inbox`, () => {
    test('an ask is found by number and id, and listed until it is answered', async () => {
      const { inbox, put } = await open()
      await put(anAsk({ number: 7 }))
      expect(await inbox.get('7')).toEqual(await inbox.get('ask_7'))
      expect(await inbox.list()).toHaveLength(1)
      await inbox.answer('7', { choice: 'approve', by: 'cli' })
      expect(await inbox.list()).toEqual([])
    })

    test('of two answers the first wins, and the second is told', async () => {
      const { inbox, put } = await open()
      await put(anAsk())
      await inbox.answer('1', { choice: 'approve', by: 'cli' })
      await expect(inbox.answer('1', { choice: 'refuse', by: 'web' })).rejects.toMatchObject({ code: 'ask_answered' })
      expect((await inbox.get('1')).answer).toMatchObject({ choice: 'approve', by: 'cli' })
    })

    test('a choice may be shortened as long as it is one', async () => {
      const { inbox, put } = await open()
      await put(anAsk())
      const { answer } = await inbox.answer('1', { choice: 'app', by: 'cli' })
      expect(answer?.choice).toBe('approve')
    })

    test('what is not among the choices, and text where none is wanted, is refused and changes nothing', async () => {
      const { inbox, put } = await open()
      await put(anAsk({ freeText: false }))
      await expect(inbox.answer('1', { choice: 'x', by: 'cli' })).rejects.toMatchObject({ code: 'input_invalid' })
      await expect(inbox.answer('1', { text: 'hm', by: 'cli' })).rejects.toMatchObject({ code: 'input_invalid' })
      expect((await inbox.get('1')).state).toBe('open')
    })

    test('an unknown ask is ask_not_found', async () => {
      const { inbox } = await open()
      await expect(inbox.get('99')).rejects.toMatchObject({ code: 'ask_not_found' })
    })
  })
}
