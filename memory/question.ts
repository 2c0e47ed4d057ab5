import { plainWords, words } from './words.ts'

/**
 * What a question asks for, by plain rules. Pure; no model is needed.
 *
 * A question that asks for several things is searched once for each of them as well: one
 * query cannot name all the evidence of "what do Ann and Bob both like". A question about
 * somebody is put as that person would have said it ("Ann: when did I go …"), which is what
 * the note holds; measured, that is worth six points to vectors.
 */
export interface Question {
  text: string
  /** Words for full-text search. */
  words: string[]
  /** Words that are somebody's name among those who speak in the notes searched. */
  names: string[]
  /** In quotation marks or backticks: must appear as written, and is never dropped. */
  quoted: string[]
  /** Texts for vectors; the best of them counts. */
  statements: string[]
  /** Further full-text queries, one for each part of a question with parts. */
  parts: string[][]
  /** A span of time that the question names. */
  span: { from: number; to: number } | null
}

const STATEMENTS_MAX = 3
const PARTS_MAX = 3
const QUOTED_MAX = 5
/** Longer questions are somebody's whole message; the rest of it adds nothing but time. */
const QUESTION_CHARS_MAX = 2000
const QUESTION_WORDS_MAX = 48

/** @param speakers names as they stand in the notes that will be searched */
export function readQuestion(given: string, speakers: readonly string[]): Question {
  const text = given.slice(0, QUESTION_CHARS_MAX).trim()
  const present = new Set(plainWords(text))
  const named = speakers.filter((name) => {
    const parts = plainWords(name)
    return parts.length > 0 && parts.some((part) => part.length > 1 && present.has(part))
  })
  const all = [...new Set(words(text))].slice(0, QUESTION_WORDS_MAX)
  return {
    text,
    words: all,
    names: [...new Set(named.flatMap((name) => words(name)))].filter((word) => all.includes(word)),
    quoted: [...text.matchAll(/"([^"\n]{2,200})"|“([^”\n]{2,200})”|`([^`\n]{2,200})`/g)]
      .map((match) => (match[1] ?? match[2] ?? match[3] ?? '').trim())
      .filter(Boolean)
      .slice(0, QUOTED_MAX),
    statements: statementsOf(text, named),
    parts: partsOf(text),
    span: spanOf(text),
  }
}

function statementsOf(text: string, named: readonly string[]): string[] {
  const told = named.slice(0, STATEMENTS_MAX).map((name) => {
    const first = plainWords(name)[0] ?? name
    return `${name}: ${text.replace(new RegExp(`${escaped(name)}|\\b${escaped(first)}\\b`, 'giu'), 'I')}`
  })
  return told.length > 0 ? told : [text]
}

/** "X and Y", "X, or Y", two sentences: only where both halves say something of their own. */
function partsOf(text: string): string[][] {
  const halves = text
    .split(/[.?!;]\s+|,\s+(?:and|or|but)\s+|\s+(?:and then|as well as|and also)\s+/i)
    .map((part) => [...new Set(words(part))])
    .filter((part) => part.length >= 2)
  return halves.length > 1 ? halves.slice(0, PARTS_MAX) : []
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ')
const MONTH = MONTHS.map((name) => `${name}|${name.slice(0, 3)}`).join('|')

/** "8 May 2023", "May 8, 2023", "2023-05-08", "May 2023", "in 2023". The first one found. */
export function spanOf(text: string): { from: number; to: number } | null {
  const iso = /\b(\d{4})-(\d{2})(?:-(\d{2}))?\b/.exec(text)
  if (iso) return span(Number(iso[1]), Number(iso[2]) - 1, iso[3] ? Number(iso[3]) : null)
  const dayFirst = new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${MONTH})\\b,? ?(\\d{4})`, 'i').exec(text)
  if (dayFirst) return span(Number(dayFirst[3]), monthOf(dayFirst[2]!), Number(dayFirst[1]))
  const monthFirst = new RegExp(`\\b(${MONTH})\\.? (\\d{1,2})(?:st|nd|rd|th)?,? (\\d{4})\\b`, 'i').exec(text)
  if (monthFirst) return span(Number(monthFirst[3]), monthOf(monthFirst[1]!), Number(monthFirst[2]))
  const month = new RegExp(`\\b(${MONTH})\\.?,? (\\d{4})\\b`, 'i').exec(text)
  if (month) return span(Number(month[2]), monthOf(month[1]!), null)
  const year = /\b(?:in|during|since|of) ((?:19|20)\d{2})\b/i.exec(text)
  return year ? { from: Date.UTC(Number(year[1]), 0), to: Date.UTC(Number(year[1]) + 1, 0) } : null
}

function monthOf(name: string): number {
  return MONTHS.findIndex((month) => month.startsWith(name.toLowerCase().slice(0, 3)))
}

function span(year: number, month: number, day: number | null): { from: number; to: number } | null {
  if (month < 0 || month > 11) return null
  if (day === null) return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1) }
  return { from: Date.UTC(year, month, day), to: Date.UTC(year, month, day + 1) }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
