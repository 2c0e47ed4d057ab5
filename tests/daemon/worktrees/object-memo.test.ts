import { expect, test } from 'vitest'
import { createObjectMemo } from '../../../daemon/worktrees/object-memo.ts'

const A = 'a'.repeat(40)
const B = 'b'.repeat(40)

function asking() {
  const asked: string[] = []
  return { asked, answer: (name: string) => async () => [name, String(asked.push(name))] }
}

test('what is said of an object is asked once', async () => {
  const memo = createObjectMemo(10)
  const { asked, answer } = asking()
  expect(await memo.recall('files', [A], answer('one'))).toEqual(['one', '1'])
  expect(await memo.recall('files', [A], answer('two'))).toEqual(['one', '1'])
  expect(await memo.recall('changes', [A, B], answer('three'))).toEqual(['three', '2'])
  expect(asked).toEqual(['one', 'three'])
})

test('a name that can mean something else tomorrow is asked about each time', async () => {
  const memo = createObjectMemo(10)
  const { asked, answer } = asking()
  for (const name of ['main', 'HEAD', A.slice(1)]) {
    await memo.recall('files', [name], answer(name))
    await memo.recall('files', [name], answer(name))
    await memo.recall('changes', [A, name], answer(name))
  }
  expect(asked).toHaveLength(9)
})

test('who changes the answer changes nobody else’s', async () => {
  const memo = createObjectMemo(10)
  const first = await memo.recall('files', [A], async () => ['a.txt'])
  first.push('mine')
  const second = await memo.recall('files', [A], async () => ['asked again'])
  second.push('mine too')
  expect(await memo.recall('files', [A], async () => ['asked again'])).toEqual(['a.txt'])
})

test('what we made ourselves is not asked about', async () => {
  const memo = createObjectMemo(10)
  memo.note('tree', [A], B)
  memo.note('tree', ['main'], B)
  expect(await memo.recall('tree', [A], async () => 'asked')).toBe(B)
  expect(await memo.recall('tree', ['main'], async () => 'asked')).toBe('asked')
})

test('that there is nothing is an answer; an error is none', async () => {
  const memo = createObjectMemo(10)
  await expect(memo.recall('file x', [A], () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await memo.recall('file x', [A], async () => undefined)).toBeUndefined()
  expect(await memo.recall('file x', [A], async () => 'asked again')).toBeUndefined()
})

test('only so many answers are kept, and no long ones; the one that was not asked for longest goes first', async () => {
  const memo = createObjectMemo(2)
  const keep = (what: string, answer: unknown = 'first') => memo.recall(what, [A], async () => answer)
  await keep('one')
  await keep('two')
  await keep('one')
  await keep('three')
  expect(await keep('one', 'again')).toBe('first')
  expect(await keep('two', 'again')).toBe('again')
  await keep('long', 'x'.repeat(100_000))
  expect(await keep('long', 'again')).toBe('again')
})
