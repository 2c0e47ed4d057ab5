import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import { z } from 'zod'

/**
 * Counting what goals show, without end and in bounded room. Pure.
 *
 * What is counted lies in the head of a note, which is read up to 64 KB: what matters least and is oldest goes
 * before that, never the note.
 */
export const Recipe = z.object({
  commands: z.array(z.string().max(4000)).max(50),
  /** Digest of the lockfiles it was seen to work with; another one makes it a guess. */
  lockDigest: z.string().max(200).nullable().default(null),
  worked: z.boolean(),
  /** What had to be done differently from what one would guess, for people and planners. */
  lesson: z.string().max(4000).default(''),
  durationMs: z.number().nullable().default(null),
  at: z.number(),
})
export type Recipe = z.infer<typeof Recipe>

/** One verification: the command, the tree it ran on, and whether it passed. */
export interface SeenCheck {
  command: string
  tree: string
  passed: boolean
}

export interface Conventions {
  checks: readonly string[]
  testFolders: readonly string[]
}

export interface FlakyCheck {
  command: string
  passes: number
  failures: number
  /** Trees on which it did both. */
  trees: number
}

export interface AgentResult {
  agent: string
  kindOfTask: string
  passed: boolean
  runs: number
  durationMs: number
  usd: number | null
  at: number
}

export interface AgentStats {
  agent: string
  kindOfTask: string
  tasks: number
  passed: number
  /** Share that passed, drawn towards a half while there is little to go by. */
  score: number
  runsPerTask: number
  usd: number | null
}

const CHECKS_MAX = 200
const TREES_MAX = 20
const CHANGES_MAX = 200
/** A change of more files says nothing about what belongs together. */
export const CHANGE_FILES_MAX = 40
const CUSTOMS_MAX = 30
const RESULTS_MAX = 200
const SEEN_MAX = 400
/** As YAML, what is not a list of `seen`; the head is read up to 64 KB. */
const ROOM_BYTES = 36 * 1024
/** Enough of a tree's or a commit's name. */
const NAME_CHARS = 12

export const Check = z.object({
  command: z.string(),
  passes: z.int(),
  failures: z.int(),
  /** Newest last: tree, passes, failures. */
  trees: z.array(z.tuple([z.string(), z.int(), z.int()])),
})
/** What was counted already: the newest last. */
const Seen = z.array(z.string()).default([])
export const Checks = z.object({ checks: z.array(Check), seen: Seen })
const Counted = z.array(z.tuple([z.string(), z.int()]))
export const Customs = z.object({ checks: Counted, testFolders: Counted, seen: Seen })
export const Changes = z.object({ changes: z.array(z.object({ commit: z.string(), files: z.array(z.string()) })) })
export const Results = z.object({
  results: z.array(
    z.object({
      agent: z.string(),
      kindOfTask: z.string(),
      tasks: z.int(),
      passed: z.int(),
      runs: z.int(),
      ms: z.number(),
      usd: z.number().nullable(),
    }),
  ),
  seen: Seen,
})

export function isSeen(seen: readonly string[], from: string | undefined): boolean {
  return from !== undefined && seen.includes(nameOf(from))
}

export function withSeen(seen: readonly string[], from: string | undefined): string[] {
  return from === undefined ? [...seen] : [...seen, nameOf(from)].slice(-SEEN_MAX)
}

/** A goal's id stays readable; a whole command does not have to. */
function nameOf(from: string): string {
  return from.length <= 40 ? from : createHash('sha256').update(from).digest('hex').slice(0, 24)
}

/** The most important that fit, as they were ordered; of two alike the later one. */
function withinRoom<T>(items: readonly T[], countMax: number, worth: (item: T) => number, bytesMax = ROOM_BYTES): T[] {
  const byWorth = items.map((item, at) => ({ item, at })).sort((a, b) => worth(b.item) - worth(a.item) || b.at - a.at)
  const kept: typeof byWorth = []
  let bytes = 0
  for (const one of byWorth) {
    bytes += Buffer.byteLength(stringify({ data: { list: [one.item] } }, { lineWidth: 0 }))
    if (bytes > bytesMax || kept.length >= countMax) break
    kept.push(one)
  }
  return kept.sort((a, b) => a.at - b.at).map(({ item }) => item)
}

/** The checks with what was seen of them, flaky ones kept the longest. */
export function withChecks(
  known: readonly z.infer<typeof Check>[],
  seen: readonly SeenCheck[],
): z.infer<typeof Check>[] {
  return withinRoom(seen.reduce(withCheck, [...known]), CHECKS_MAX, (check) => flakiness(check).trees)
}

export function withChange(
  known: z.infer<typeof Changes>['changes'],
  { commit, files }: { commit: string; files: readonly string[] },
): z.infer<typeof Changes>['changes'] {
  const name = commit.slice(0, NAME_CHARS)
  if (known.some((change) => change.commit === name)) return known
  return withinRoom([...known, { commit: name, files: [...files] }], CHANGES_MAX, () => 0)
}

export function withResults(known: readonly ResultRow[], given: readonly AgentResult[]): ResultRow[] {
  return withinRoom(given.reduce<ResultRow[]>(withResult, [...known]), RESULTS_MAX, ({ tasks }) => tasks)
}

function withCheck(
  checks: z.infer<typeof Check>[],
  { command, tree: whole, passed }: SeenCheck,
): z.infer<typeof Check>[] {
  const known = checks.find((check) => check.command === command) ?? { command, passes: 0, failures: 0, trees: [] }
  const tree = whole.slice(0, NAME_CHARS)
  const [, passes, failures] = known.trees.find(([name]) => name === tree) ?? [tree, 0, 0]
  const own: [string, number, number] = [tree, passes + (passed ? 1 : 0), failures + (passed ? 0 : 1)]
  const isKnown = known.trees.some(([name]) => name === tree)
  const trees = isKnown ? known.trees.map((each) => (each[0] === tree ? own : each)) : [...known.trees, own]
  // Trees that proved it flaky are kept the longest.
  if (trees.length > TREES_MAX) {
    const dull = trees.findIndex(([, ok, not]) => ok === 0 || not === 0)
    trees.splice(Math.max(0, dull), 1)
  }
  const check = {
    command,
    passes: known.passes + (passed ? 1 : 0),
    failures: known.failures + (passed ? 0 : 1),
    trees,
  }
  return [...checks.filter((other) => other.command !== command), check]
}

type ResultRow = z.infer<typeof Results>['results'][number]

function withResult(rows: ResultRow[], result: AgentResult): ResultRow[] {
  const { agent, kindOfTask } = result
  const is = (row: ResultRow) => row.agent === agent && row.kindOfTask === kindOfTask
  const known = rows.find(is) ?? { agent, kindOfTask, tasks: 0, passed: 0, runs: 0, ms: 0, usd: null }
  const row: ResultRow = {
    ...known,
    tasks: known.tasks + 1,
    passed: known.passed + (result.passed ? 1 : 0),
    runs: known.runs + result.runs,
    ms: known.ms + result.durationMs,
    usd: result.usd === null ? known.usd : (known.usd ?? 0) + result.usd,
  }
  return rows.some(is) ? rows.map((other) => (is(other) ? row : other)) : [...rows, row]
}

/** Most often first. */
export function counted(known: readonly (readonly [string, number])[], seen: readonly string[]): [string, number][] {
  const counts = new Map<string, number>(known)
  for (const one of new Set(seen)) counts.set(one, (counts.get(one) ?? 0) + 1)
  const sorted = [...counts].sort((a, b) => b[1] - a[1])
  return withinRoom(sorted, CUSTOMS_MAX, ([, times]) => times, ROOM_BYTES / 2)
}

export function flakiness(check: z.infer<typeof Check>): FlakyCheck {
  const trees = check.trees.filter(([, passes, failures]) => passes > 0 && failures > 0).length
  return { command: check.command, passes: check.passes, failures: check.failures, trees }
}

export function statsOf(row: z.infer<typeof Results>['results'][number]): AgentStats {
  return {
    agent: row.agent,
    kindOfTask: row.kindOfTask,
    tasks: row.tasks,
    passed: row.passed,
    score: (row.passed + 1) / (row.tasks + 2),
    runsPerTask: row.runs / row.tasks,
    usd: row.usd,
  }
}
