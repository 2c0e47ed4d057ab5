import { describe, expect, test } from 'vitest'
import type { EventSource } from '../../daemon/http/event-source.ts'

/** What every event source must do. `add` commits one event and returns when it can be read. */
export function eventSourceContract(
  name: string,
  open: () => Promise<{ events: EventSource; add(goalId: string | null): Promise<void> } & Partial<AsyncDisposable>>,
): void {
  const opened = async (work: (place: Awaited<ReturnType<typeof open>>) => Promise<void>) => {
    const place = await open()
    try {
      await work(place)
    } finally {
      await place[Symbol.asyncDispose]?.()
    }
  }

  describe(`${name} keeps the contract of an event source`, () => {
    test('pages follow the cursor without a gap or a repeat', () =>
      opened(async ({ events, add }) => {
        for (let n = 0; n < 5; n++) await add(null)
        const first = await events.page({ after: 0, limit: 2 })
        const second = await events.page({ after: first.at(-1)!.id, limit: 10 })
        const ids = [...first, ...second].map((event) => event.id)
        expect(ids).toHaveLength(5)
        expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
        expect(await events.latest()).toBe(ids.at(-1))
        expect(await events.page({ after: ids.at(-1)!, limit: 10 })).toEqual([])
      }))

    test('an empty source is at 0', () =>
      opened(async ({ events }) => {
        expect(await events.latest()).toBe(0)
      }))

    test('a goal’s events only', () =>
      opened(async ({ events, add }) => {
        await add('goal_a')
        await add('goal_b')
        await add('goal_a')
        const page = await events.page({ after: 0, limit: 10, goalId: 'goal_a' })
        expect(page.map((event) => event.goalId)).toEqual(['goal_a', 'goal_a'])
      }))

    test('whoever listens is told, and finds the event by then; whoever stopped is not', () =>
      opened(async ({ events, add }) => {
        let told = 0
        const listening = events.onNew(() => void told++)
        await add(null)
        expect(told).toBeGreaterThan(0)
        expect(await events.page({ after: 0, limit: 10 })).toHaveLength(1)
        listening[Symbol.dispose]()
        const before = told
        await add(null)
        expect(told).toBe(before)
      }))
  })
}
