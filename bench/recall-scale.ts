import type { DataSet } from './recall-data.ts'

/**
 * Made-up notes in any number, for speed: words as unevenly used as in real text, twenty
 * groups, and for some messages a question that shares rare words with it.
 */
const GROUPS = 20
const VOCABULARY = 30_000
const QUESTIONS = 300

export function makeCorpus(count: number): DataSet {
  const random = createRandom(7)
  const vocabulary = Array.from({ length: VOCABULARY }, (_, i) => makeWord(random, i))
  // Zipf: the word of rank r is used about 1/r as often as the first.
  const pick = () => vocabulary[Math.min(VOCABULARY - 1, Math.floor(VOCABULARY ** random()))]!
  const data: DataSet = { corpus: [], questions: [], apart: new Set() }
  const start = Date.UTC(2024, 0, 1)
  for (let i = 0; i < count; i++) {
    const length = 8 + Math.floor(random() * 40)
    data.corpus.push({
      id: `m${i}`,
      group: `g${Math.floor((i * GROUPS) / count)}`,
      at: start + Math.floor(i / 40) * 24 * 3600_000,
      speaker: i % 2 === 0 ? 'Ann' : 'Bob',
      text: Array.from({ length }, pick).join(' '),
    })
  }
  for (let i = 0; i < QUESTIONS; i++) {
    const line = data.corpus[Math.floor(random() * count)]!
    const asked = line.text.split(' ').filter(() => random() < 0.35)
    if (asked.length < 2) continue
    data.questions.push({
      id: `q${i}`,
      group: line.group,
      text: asked.slice(0, 8).join(' '),
      evidence: [line.id],
      kind: 'scale',
    })
  }
  return data
}

const SYLLABLES =
  'ba be bi bo da de di do fa fe ga go ka ke ki ko la le li lo ma me mi mo na ne no pa pe po ra re ri ro sa se si so ta te ti to va ve'.split(
    ' ',
  )

function makeWord(random: () => number, rank: number): string {
  const length = 2 + Math.min(3, Math.floor(Math.log10(rank + 1) / 1.5)) + Math.floor(random() * 2)
  return Array.from({ length }, () => SYLLABLES[Math.floor(random() * SYLLABLES.length)]!).join('')
}

/** The same numbers every time. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
