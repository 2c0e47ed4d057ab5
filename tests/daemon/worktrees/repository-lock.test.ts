import { expect, test } from 'vitest'
import { createLocks } from '../../../daemon/worktrees/repository-lock.ts'

test('one at a time under each name, in the order of asking, whoever asked for the lock and when', async () => {
  const locks = createLocks()
  const early = locks('a')
  const told: string[] = []
  let inside = 0
  const work = (word: string) => async () => {
    expect(++inside, word).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    inside--
    told.push(word)
  }
  const first = early.run(work('first'))
  const second = locks('a').run(work('second'))
  await first
  // The name is still held: who comes now waits behind the second.
  const third = early.run(work('third'))
  await Promise.all([second, third])
  expect(told).toEqual(['first', 'second', 'third'])
  await early.run(work('fourth'))
  expect(told.at(-1)).toBe('fourth')
})

test('a work that fails holds nobody up, and idle waits for all', async () => {
  const locks = createLocks()
  let isDone = false
  const failed = locks('a').run(async () => Promise.reject(new Error('no')))
  const later = locks('a').run(async () => {
    await new Promise((resolve) => setImmediate(resolve))
    isDone = true
  })
  await expect(failed).rejects.toThrow('no')
  await locks('a').idle()
  expect(isDone).toBe(true)
  await later
  await locks('nobody').idle()
})
