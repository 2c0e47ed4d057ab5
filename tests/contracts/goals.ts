import { describe, expect, test } from 'vitest'
import type { Goals } from '../../daemon/goals/goals.ts'

/** What every Goals must do, as far as it shows without an agent at work. */
export function goalsContract(name: string, open: () => Promise<Goals>): void {
  describe(`${name} keeps the contract of goals`, () => {
    test('a goal that was added is shown by number, #number and id', async () => {
      const goals = await open()
      const { goal } = await goals.add({ text: 'Do it' })
      for (const name of [String(goal.number), `#${goal.number}`, goal.id]) {
        expect((await goals.show(name)).goal.id).toBe(goal.id)
      }
    })

    test('the same idempotency key gives the same goal', async () => {
      const goals = await open()
      const once = await goals.add({ text: 'Do it', idempotencyKey: 'k' })
      const twice = await goals.add({ text: 'Do it', idempotencyKey: 'k' })
      expect(twice.goal.id).toBe(once.goal.id)
      expect(await goals.list()).toHaveLength(1)
    })

    test('a list is newest first, and its next page comes before the last one of it', async () => {
      const goals = await open()
      const numbers: number[] = []
      for (const text of ['one', 'two', 'three']) numbers.unshift((await goals.add({ text })).goal.number)
      const page = await goals.list({ limit: 2 })
      expect(page.map(({ goal }) => goal.number)).toEqual(numbers.slice(0, 2))
      const next = await goals.list({ limit: 2, before: page.at(-1)!.goal.number })
      expect(next.map(({ goal }) => goal.number)).toEqual(numbers.slice(2))
    })

    test('a goal in a list says the same as when it is shown', async () => {
      const goals = await open()
      const { goal } = await goals.add({ text: 'Do it' })
      await goals.pause(String(goal.number), 'test')
      const [listed] = await goals.list()
      expect(listed?.status).toBe('paused')
      expect(await goals.show(goal.id)).toMatchObject({ ...listed })
    })

    test('a paused goal goes on when resumed; a cancelled one has ended', async () => {
      const goals = await open()
      const { goal } = await goals.add({ text: 'Do it' })
      const name = String(goal.number)
      await goals.pause(name, 'test')
      expect((await goals.show(name)).goal.state).toBe('paused')
      await goals.resume(name, 'test')
      expect((await goals.show(name)).goal.state).toBe('open')
      await goals.cancel(name, 'test')
      expect((await goals.list({ state: 'ended' })).map((one) => one.goal.id)).toEqual([goal.id])
      await expect(goals.pause(name, 'test')).rejects.toMatchObject({ code: 'move_refused' })
    })

    test('what is not there is named as such', async () => {
      const goals = await open()
      await expect(goals.show('99')).rejects.toMatchObject({ code: 'goal_not_found' })
      await expect(goals.showTask('99.1')).rejects.toMatchObject({ code: 'task_not_found' })
    })
  })
}
