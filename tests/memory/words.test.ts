import { expect, test } from 'vitest'
import { chunk, countWords, pieces, writeTurn } from '../../memory/chunk.ts'
import { stem } from '../../memory/stem.ts'
import { words } from '../../memory/words.ts'

test.each([
  ['caresses', 'caress'],
  ['ponies', 'poni'],
  ['cats', 'cat'],
  ['agreed', 'agre'],
  ['plastered', 'plaster'],
  ['motoring', 'motor'],
  ['hopping', 'hop'],
  ['falling', 'fall'],
  ['filing', 'file'],
  ['happy', 'happi'],
  ['relational', 'relat'],
  ['conditional', 'condit'],
  ['vietnamization', 'vietnam'],
  ['triplicate', 'triplic'],
  ['hopefulness', 'hope'],
  ['replacement', 'replac'],
  ['adoption', 'adopt'],
  ['probate', 'probat'],
  ['controlling', 'control'],
  ['straße', 'straße'],
])('stems %s to %s, as Porter published it', (word, stemmed) => {
  expect(stem(word)).toBe(stemmed)
})

test('words fold case, accents and endings, and leave stop words out', () => {
  expect(words('The Cafés were running')).toEqual(['cafe', 'run'])
})

test('an identifier is found whole and by its parts', () => {
  expect(words('parseGoalId')).toEqual(['parsegoalid', 'pars', 'goal', 'id'])
})

test('scripts without spaces are cut into pairs', () => {
  expect(words('東京都')).toEqual(['東京', '京都'])
})

test('a word longer than any word is not indexed', () => {
  expect(words('a'.repeat(5000))).toEqual([])
})

test('every turn of a conversation is an item of its own with its speaker and moment', () => {
  const body = [
    writeTurn({ speaker: 'Ann', at: '2024-01-02T03:04:05.000Z', anchor: 'a1', text: 'Where did you go?' }),
    writeTurn({ speaker: 'Bob', at: null, anchor: 'a2', text: '# not a heading\nTo Lisbon.' }),
  ].join('\n')
  const { passages } = chunk({ title: 'Talk', at: 5, format: 'conversation', body })
  expect(passages.map(({ item, speaker, at, text }) => ({ item, speaker, at, text }))).toEqual([
    { item: 'a1', speaker: 'Ann', at: Date.UTC(2024, 0, 2, 3, 4, 5), text: 'Where did you go?' },
    { item: 'a2', speaker: 'Bob', at: 5, text: '# not a heading\nTo Lisbon.' },
  ])
})

test('a short passage is also found by the words of its neighbours, less strongly than by its own', () => {
  const body = ['Do you like olives?', 'Yes.']
    .map((text, i) => writeTurn({ speaker: 'Ann', at: null, anchor: `t${i}`, text }))
    .join('\n')
  const { passages } = chunk({ title: '', at: null, format: 'conversation', body })
  const count = (i: number, word: string) => passages[i]!.terms.filter((term) => term === word).length
  expect(count(0, 'oliv')).toBe(3)
  expect(count(1, 'oliv')).toBe(2)
})

test('a long passage takes nothing from its neighbours', () => {
  const long = Array.from({ length: 80 }, (_, i) => `word${i}`).join(' ')
  const body = [`olives`, long]
    .map((text, i) => writeTurn({ speaker: 'Ann', at: null, anchor: `t${i}`, text }))
    .join('\n')
  const { passages } = chunk({ title: '', at: null, format: 'conversation', body })
  expect(passages[1]!.terms).not.toContain('oliv')
})

test('a document is cut at headings outside code, and a long section into overlapping windows', () => {
  const long = Array.from({ length: 300 }, (_, i) => `w${i}`).join(' ')
  const body = `intro\n\n# One\n\n\`\`\`sh\n# a comment\n\`\`\`\n\n## Two\n\n${long}\n`
  const { passages } = chunk({ title: 'T', at: null, format: 'document', body })
  expect(passages.map(({ heading }) => heading)).toEqual(['', 'One', 'One › Two', 'One › Two', 'One › Two'])
  expect(passages[1]!.text).toContain('# a comment')
  const last = (i: number) => passages[i]!.text.split(' ')
  expect(last(2)).toHaveLength(120)
  expect(last(3)[0]).toBe('w90')
  expect(last(4).at(-1)).toBe('w299')
})

test('no passage is endless, whatever the text', () => {
  const { passages } = chunk({
    title: '',
    at: null,
    format: 'document',
    body: `${'x'.repeat(100_000)} ${'y '.repeat(50_000)}`,
  })
  expect(Math.max(...passages.map(({ text }) => text.length))).toBeLessThanOrEqual(2400)
})

test('what is over the limit is counted, not silently left out', () => {
  const body = Array.from({ length: 4100 }, (_, i) => `# h${i}\n\ntext`).join('\n')
  const { passages, cut } = chunk({ title: '', at: null, format: 'document', body })
  expect({ passages: passages.length, cut }).toEqual({ passages: 4000, cut: 100 })
})

test('vectors are made of sentences, short ones together, with who said it in front', () => {
  const passage = {
    text: 'Oh. Yes! I went to the sea with my mother last week. It was so very cold in there that day.',
    speaker: 'Ann',
    heading: '',
  }
  expect(pieces(passage, '')).toEqual([
    'Ann: Oh. Yes! I went to the sea with my mother last week.',
    'Ann: It was so very cold in there that day.',
  ])
})

test('however long a passage, its vectors are few', () => {
  const text = Array.from({ length: 200 }, (_, i) => `This is sentence number ${i} of them.`).join(' ')
  expect(pieces({ text, speaker: '', heading: 'H' }, 'T').length).toBeLessThanOrEqual(16)
  expect(countWords(text)).toBe(1400)
})
