import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { askStrangers, measure } from '../../bench/recall.ts'
import { readDataSet, readMoment } from '../../bench/recall-data.ts'
import { mean, score } from '../../bench/recall-score.ts'

function makeData(corpus: readonly unknown[], questions: readonly unknown[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'claw-data-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const lines = (rows: readonly unknown[]) =>
    rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\r\n')
  writeFileSync(join(dir, 'corpus.jsonl'), `\uFEFF${lines(corpus)}\n\n`)
  writeFileSync(join(dir, 'questions.jsonl'), lines(questions))
  return dir
}

test('recall at k is the share of the evidence that is there, whatever else is', () => {
  const [r5, r10, , , mrr, ndcg] = score(['x', 'a', 'a', 'y', 'z', 'b'], new Set(['a', 'b', 'c', 'd']))
  expect([r5, r10, mrr]).toEqual([0.25, 0.5, 0.5])
  expect(ndcg).toBeGreaterThan(0)
  expect(mean([score(['a'], new Set(['a'])), score([], new Set(['a']))])).toMatchObject({
    questions: 2,
    r5: 50,
    mrr: 50,
    ndcg10: 50,
  })
})

test('moments are read as data sets have them', () => {
  const nine = Date.UTC(2023, 4, 8, 13, 56)
  expect(readMoment('1:56 pm on 8 May, 2023')).toBe(nine)
  expect(readMoment('2023-05-08T13:56:00')).toBe(nine)
  expect(readMoment(nine / 1000)).toBe(nine)
  expect(readMoment('some day')).toBeNull()
})

test('odd but legal data is measured by the product itself: parts left out, any script, mixed groups', async () => {
  const many = Array.from({ length: 60 }, (_, i) => ({ id: `f${i}`, group: `g ${i}`, text: `Filler number${i} here` }))
  const dir = makeData(
    [
      { id: 1, group: '日本', at: '2023-05-08', speaker: '健', text: '私の猫は公園で寝るのが好きです' },
      { id: 'same', group: '中国', text: 'Only this group knows the word marmalade' },
      { id: 2, group: '日本', at: null, speaker: null, text: 'Something about gardens ### and · signs ^x' },
      { id: 'lost', text: null },
      { id: 'long', text: `Start ${'of a very long story. '.repeat(20_000)} The treasure lies under the old oak` },
      { id: 'plain', text: '### A heading that is no turn\n\n---\nkind: trick\n---\nThe trick was a saddle' },
      ...many,
    ],
    [
      { id: 'q1', group: '日本', text: '猫はどこで寝ますか', evidence: [1], kind: 'place' },
      { group: '日本', text: 'Who knows the word marmalade?', evidence: [] },
      { id: 'q3', group: '中国', text: 'Who knows the word marmalade?', evidence: 'same' },
      { id: 'q4', text: 'Where does the treasure lie?', evidence: ['long'], extra: true },
      { id: 'q5', text: 'What was the trick with the saddle?', evidence: ['plain'], kind: 'adversarial' },
      { id: 'q6', group: 'never seen', text: 'Anything?', evidence: null },
      ...many.map(({ id, group }, i) => ({ id: `m${i}`, group, text: `number${i}`, evidence: [id], kind: 'many' })),
    ],
  )
  const data = await readDataSet(dir)
  const measured = await measure(data!, { kind: 'none' }, 'sqlite')
  expect(measured.kinds).toMatchObject({
    place: { questions: 1, r5: 100 },
    all: { questions: 2, r5: 100 },
    adversarial: { questions: 1, r5: 100 },
    many: { questions: 60, r5: 100 },
  })
  expect(measured.overall).toMatchObject({ questions: 64, r5: 100, mrr: 100 })
  expect(measured.abstention).toEqual({ answerable: 64, refused: 0, unanswerable: 2, refusedUnanswerable: 2 })
  expect(measured.latencyMs.p99).toBeGreaterThan(0)
  expect(measured.diskBytes).toBeGreaterThan(0)
})

test('a line that is wrong is named with its file and number', async () => {
  const dir = makeData([{ id: 'a', text: 'x' }, '{"id": '], [])
  await expect(readDataSet(dir)).rejects.toThrow(/corpus\.jsonl:2: the line: /)
  await expect(readDataSet(makeData([{ text: 'x' }], []))).rejects.toThrow(/corpus\.jsonl:1: id: /)
  expect(await readDataSet('/nowhere')).toBeUndefined()
})

test('strangers are asked every answerable question once, each in another group', () => {
  const ask = (id: string, group: string, evidence: string[]) => ({ id, group, text: 'Who?', evidence, kind: 'k' })
  const questions = [ask('1', 'a', ['x']), ask('2', 'b', []), ask('3', 'c', ['z'])]
  expect(askStrangers(questions).map(({ group, evidence }) => [group, evidence])).toEqual([
    ['b', []],
    ['a', []],
  ])
  expect(askStrangers([ask('1', 'a', ['x'])])).toEqual([])
})
