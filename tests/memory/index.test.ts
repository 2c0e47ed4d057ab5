import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openLanceIndex } from '../../memory/index/lance-index.ts'
import type { NoteIndex, PassageRow, VectorRow } from '../../memory/index/note-index.ts'
import { openSqliteIndex } from '../../memory/index/sqlite-index.ts'
import { makeDir } from './room.ts'

function row(note: string, terms: string, more: Partial<PassageRow> = {}): PassageRow {
  return {
    id: `${note}#${more.ord ?? 0}`,
    note,
    ord: 0,
    item: 's1',
    scope: 'global',
    kind: 'fact',
    title: '',
    heading: '',
    speaker: '',
    at: -1,
    past: false,
    text: terms,
    terms,
    ...more,
  }
}

const all = { scopes: 'all' } as const
const any = (...words: string[]) => ({ words, all: false })

/** What every index must do. */
function noteIndexContract(name: string, open: (dir: string) => Promise<NoteIndex>): void {
  const make = async () => {
    const dir = makeDir()
    let index = await open(dir)
    onTestFinished(() => index[Symbol.asyncDispose]())
    return {
      index,
      reopen: async () => {
        await index[Symbol.asyncDispose]()
        index = await open(dir)
        return index
      },
    }
  }
  const notesOf = async (index: NoteIndex, ...words: string[]) =>
    (await index.search(any(...words), all, 10)).map(({ note }) => note)

  describe(name, () => {
    test('is empty before anything is put', async () => {
      const { index } = await make()
      expect(await index.search(any('a'), all, 10)).toEqual([])
      expect(await index.get(['x#0'])).toEqual([])
      expect(await index.count()).toMatchObject({ passages: 0, vectors: 0 })
      await index.optimize(0)
      await index.remove(['x'])
    })

    test('every row is found at once, also one whose words repeat, merged or not, and after it was opened again', async () => {
      const { index, reopen } = await make()
      for (const note of ['a', 'b', 'c']) await index.put([note], [row(note, `same same same own${note} same`)], true)
      expect((await notesOf(index, 'same')).sort()).toEqual(['a', 'b', 'c'])
      await index.optimize(0)
      await index.put(['d'], [row('d', 'same same ownd')], true)
      expect((await notesOf(index, 'same')).sort()).toEqual(['a', 'b', 'c', 'd'])
      const again = await reopen()
      expect((await notesOf(again, 'same')).sort()).toEqual(['a', 'b', 'c', 'd'])
      expect(await notesOf(again, 'owna')).toEqual(['a'])
    })

    test('what is put again takes the place of what was there', async () => {
      const { index } = await make()
      await index.put(['a'], [row('a', 'old'), row('a', 'older', { ord: 1 })], true)
      await index.optimize(0)
      await index.put(['a'], [row('a', 'new')], false)
      expect(await notesOf(index, 'old')).toEqual([])
      expect(await notesOf(index, 'new')).toEqual(['a'])
      expect(await index.countByNote()).toEqual(new Map([['a', 1]]))
    })

    test('a removed note is nowhere', async () => {
      const { index } = await make()
      await index.put(['a', 'b'], [row('a', 'word'), row('b', 'word')], true)
      await index.remove(['a', 'never-there'])
      expect(await notesOf(index, 'word')).toEqual(['b'])
      expect(await index.passagesOf(['a'])).toEqual([])
    })

    test('scopes and kinds keep apart, and a quote in a name is only a quote', async () => {
      const { index } = await make()
      const scope = "repo:o'neill"
      await index.put(['a', 'b'], [row('a', 'word', { scope }), row('b', 'word', { kind: 'lesson' })], true)
      const within = async (where: Parameters<NoteIndex['search']>[1]) =>
        (await index.search(any('word'), where, 10)).map(({ note }) => note)
      expect(await within({ scopes: [scope] })).toEqual(['a'])
      expect(await within({ scopes: 'all', kinds: ['lesson'] })).toEqual(['b'])
      expect(await within({ scopes: [] })).toEqual([])
    })

    test('a rare word is worth more than a common one, merged or not', async () => {
      const { index } = await make()
      const common = Array.from({ length: 30 }, (_, i) => row(`n${i}`, `common filler${i}`))
      await index.put(
        common.map(({ note }) => note),
        common,
        true,
      )
      await index.optimize(0)
      await index.put(['rare'], [row('rare', 'rare other')], true)
      expect((await notesOf(index, 'common', 'rare'))[0]).toBe('rare')
      await index.optimize(0)
      expect((await notesOf(index, 'common', 'rare'))[0]).toBe('rare')
    })

    test('all words are asked for, or any', async () => {
      const { index } = await make()
      await index.put(['a', 'b'], [row('a', 'one two'), row('b', 'one')], true)
      expect((await index.search({ words: ['one', 'two'], all: true }, all, 10)).map(({ note }) => note)).toEqual(['a'])
    })

    test('rows come back as they were put, and speakers are known by scope', async () => {
      const { index } = await make()
      const given = row('a', 'word', {
        speaker: 'Ann',
        at: 1_700_000_000_000,
        past: true,
        heading: 'H',
        title: 'T',
        text: "It's ünï\ncode",
      })
      await index.put(['a'], [given], true)
      expect(await index.get(['a#0'])).toEqual([given])
      expect(await index.speakers(['global'])).toEqual(['Ann'])
      expect(await index.speakers(['repo:x'])).toEqual([])
    })

    test('clear forgets everything and the index goes on', async () => {
      const { index } = await make()
      await index.put(['a'], [row('a', 'word')], true)
      await index.clear()
      expect(await notesOf(index, 'word')).toEqual([])
      await index.put(['b'], [row('b', 'word')], true)
      expect(await notesOf(index, 'word')).toEqual(['b'])
    })
  })
}

noteIndexContract('LanceDB', (dir) => openLanceIndex(join(dir, 'lance')))
noteIndexContract('SQLite', (dir) => openSqliteIndex(join(dir, 'words.db')))

const vector = (passage: string, ...values: number[]): VectorRow => ({
  passage,
  note: passage.split('#')[0]!,
  item: 's1',
  scope: 'global',
  kind: 'fact',
  speaker: '',
  at: -1,
  past: false,
  vector: Float32Array.from([...values, 0, 0, 0, 0, 0]),
})

describe('vectors in LanceDB', () => {
  test('the nearest comes first, and a removed note has none', async () => {
    await using index = await openLanceIndex(join(makeDir(), 'lance'))
    await index.useVectors('m1')
    await index.put(['a', 'b'], [row('a', 'x'), row('b', 'y')], true)
    await index.putVectors(['a', 'b'], [vector('a#0', 1, 0, 0), vector('b#0', 0, 1, 0)], false)
    const near = await index.nearest(Float32Array.from([0.9, 0.1, 0, 0, 0, 0, 0, 0]), all, 10)
    expect(near.map(({ id }) => id)).toEqual(['a#0', 'b#0'])
    expect(near[0]!.score).toBeGreaterThan(0.9)
    await index.remove(['a'])
    expect((await index.nearest(Float32Array.from([1, 0, 0, 0, 0, 0, 0, 0]), all, 10)).map(({ id }) => id)).toEqual([
      'b#0',
    ])
  })

  test("another model's vectors are dropped, never mixed in", async () => {
    const dir = join(makeDir(), 'lance')
    {
      await using index = await openLanceIndex(dir)
      await index.useVectors('m1')
      await index.putVectors(['a'], [vector('a#0', 1)], false)
    }
    await using index = await openLanceIndex(dir)
    await index.useVectors('m2')
    expect(await index.nearest(Float32Array.from([1, 0, 0, 0, 0, 0]), all, 10)).toEqual([])
    expect((await index.count()).vectors).toBe(0)
  })
})
