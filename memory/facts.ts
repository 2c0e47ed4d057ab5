import { z } from 'zod'
import type { Memory } from './memory.ts'
import type { Note, NoteKind, Scope } from './note.ts'

/**
 * What the daemon learns by itself, as notes the owner can read and mend.
 *
 * Plain code counts; no model is asked. Each fact has one note in its repository's scope,
 * with the numbers in the head under `data` and a sentence or two below, and every list in
 * it has an end, so that a note stays one a person can read.
 */
export interface Facts {
  /** The way to make a checkout ready that was seen to work, or to fail. */
  learnRecipe(repository: string, recipe: Recipe): Promise<void>
  findRecipe(repository: string): Promise<Recipe | undefined>
  /** What commands said on a tree. With `from` (a goal), what was learned from the same before is not counted again. */
  learnChecks(repository: string, checks: readonly SeenCheck[], from?: string): Promise<void>
  /** Checks seen to both pass and fail on one and the same tree. */
  flakyChecks(repository: string): Promise<FlakyCheck[]>
  /** Files of one landed change. */
  learnChange(repository: string, change: { commit: string; files: readonly string[]; at: number }): Promise<void>
  /** Files that changed in the same changes as these, most often first. */
  changedTogether(
    repository: string,
    files: readonly string[],
  ): Promise<{ file: string; together: number; of: number }[]>
  /** With `from` (a goal), what was learned from the same before is not counted again. */
  learnAgentResults(results: readonly AgentResult[], from?: string): Promise<void>
  /** What work on the repository goes by: commands that showed that it is good, folders that its tests lie in. */
  learnConventions(repository: string, seen: Conventions, from?: string): Promise<void>
  /** By agent, for one kind of task or all; best first. */
  agentStats(kindOfTask?: string): Promise<AgentStats[]>
}

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
const CHANGE_FILES_MAX = 40
const TOGETHER_MAX = 50
const CUSTOMS_MAX = 30
const SEEN_MAX = 500

const Check = z.object({
  command: z.string(),
  passes: z.int(),
  failures: z.int(),
  /** Newest last: tree, passes, failures. */
  trees: z.array(z.tuple([z.string(), z.int(), z.int()])),
})
/** What was counted already: the newest last. */
const Seen = z.array(z.string()).default([])
const Checks = z.object({ checks: z.array(Check), seen: Seen })
const Counted = z.array(z.tuple([z.string(), z.int()]))
const Customs = z.object({ checks: Counted, testFolders: Counted, seen: Seen })
const Changes = z.object({ changes: z.array(z.object({ commit: z.string(), files: z.array(z.string()) })) })
const Results = z.object({
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

export function createFacts(memory: Pick<Memory, 'remember' | 'edit' | 'listNotes' | 'getNote' | 'ready'>): Facts {
  /** Read, change, write of one note: never two at a time. */
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }

  interface Place {
    scope: Scope
    subject: string
    kind: NoteKind
    title: string
  }

  async function find(place: Pick<Place, 'scope' | 'subject'>): Promise<Note | undefined> {
    await memory.ready()
    const notes = memory.listNotes({ scopes: [place.scope], subject: place.subject, attribute: ATTRIBUTE, limit: 10 })
    // What decides which commands are run is the daemon's own, or the owner's.
    const summary = notes.find(({ source }) => source.from === 'daemon' || source.from === 'owner')
    return summary && (await memory.getNote(summary.id))
  }

  /** Parses what is there; what the owner made unreadable is started anew, history keeps it. */
  async function read<T>(place: Pick<Place, 'scope' | 'subject'>, schema: z.ZodType<T>, empty: T): Promise<T> {
    const parsed = schema.safeParse((await find(place))?.data)
    return parsed.success ? parsed.data : empty
  }

  async function write(place: Place, data: unknown, text: string): Promise<void> {
    const existing = await find(place)
    if (existing) await memory.edit(existing.id, { data, text })
    else await memory.remember({ ...place, text, data, attribute: ATTRIBUTE, source: { from: 'daemon', ref: null } })
  }

  const recipePlace = (repository: string): Place => ({
    scope: scopeOf(repository),
    subject: 'set-up',
    kind: 'recipe',
    title: 'Set-up of this repository',
  })
  const checksPlace = (repository: string): Place => ({
    scope: scopeOf(repository),
    subject: 'checks',
    kind: 'lesson',
    title: 'How reliable the checks of this repository are',
  })
  const changesPlace = (repository: string): Place => ({
    scope: scopeOf(repository),
    subject: 'co-change',
    kind: 'lesson',
    title: 'Files of this repository that change together',
  })
  const customsPlace = (repository: string): Place => ({
    scope: scopeOf(repository),
    subject: 'conventions',
    kind: 'fact',
    title: 'What work on this repository goes by',
  })
  const resultsPlace: Place = {
    scope: 'global',
    subject: 'agents',
    kind: 'lesson',
    title: 'How agents did by kind of task',
  }

  return {
    learnRecipe: (repository, recipe) =>
      inTurn(async () => {
        const known = await read(recipePlace(repository), Recipe.nullable(), null)
        // What failed never takes the place of what worked with the same lockfiles.
        if (!recipe.worked && known?.worked && known.lockDigest === recipe.lockDigest) return
        await write(recipePlace(repository), recipe, recipeText(recipe))
      }),

    async findRecipe(repository) {
      return (await read(recipePlace(repository), Recipe.nullable(), null)) ?? undefined
    },

    learnChecks: (repository, seenChecks, from) =>
      inTurn(async () => {
        const { checks, seen } = await read(checksPlace(repository), Checks, { checks: [], seen: [] })
        if (seenChecks.length === 0 || isSeen(seen, from)) return
        let kept = checks
        for (const one of seenChecks) kept = withCheck(kept, one)
        const data = { checks: kept, seen: withSeen(seen, from) }
        await write(checksPlace(repository), data, checksText(kept.map(flakiness)))
      }),

    async flakyChecks(repository) {
      const { checks } = await read(checksPlace(repository), Checks, { checks: [], seen: [] })
      return checks.map(flakiness).filter(({ trees }) => trees > 0)
    },

    learnChange: (repository, { commit, files }) =>
      inTurn(async () => {
        if (files.length < 2 || files.length > CHANGE_FILES_MAX) return
        const { changes } = await read(changesPlace(repository), Changes, { changes: [] })
        if (changes.some((change) => change.commit === commit.slice(0, 12))) return
        const kept = [...changes, { commit: commit.slice(0, 12), files: [...files] }].slice(-CHANGES_MAX)
        await write(changesPlace(repository), { changes: kept }, changesText(kept))
      }),

    async changedTogether(repository, files) {
      const { changes } = await read(changesPlace(repository), Changes, { changes: [] })
      const asked = new Set(files)
      const touching = changes.filter((change) => change.files.some((file) => asked.has(file)))
      const counts = new Map<string, number>()
      for (const { files: changed } of touching) {
        for (const file of changed) if (!asked.has(file)) counts.set(file, (counts.get(file) ?? 0) + 1)
      }
      return [...counts]
        .map(([file, together]) => ({ file, together, of: touching.length }))
        .sort((a, b) => b.together - a.together || (a.file < b.file ? -1 : 1))
        .slice(0, TOGETHER_MAX)
    },

    learnConventions: (repository, { checks, testFolders }, from) =>
      inTurn(async () => {
        const known = await read(customsPlace(repository), Customs, { checks: [], testFolders: [], seen: [] })
        if (checks.length + testFolders.length === 0 || isSeen(known.seen, from)) return
        const data = {
          checks: counted(known.checks, checks),
          testFolders: counted(known.testFolders, testFolders),
          seen: withSeen(known.seen, from),
        }
        await write(customsPlace(repository), data, customsText(data))
      }),

    learnAgentResults: (given, from) =>
      inTurn(async () => {
        const { results, seen } = await read(resultsPlace, Results, { results: [], seen: [] })
        if (given.length === 0 || isSeen(seen, from)) return
        const kept = given.reduce(withResult, results).slice(-CHECKS_MAX)
        await write(resultsPlace, { results: kept, seen: withSeen(seen, from) }, resultsText(kept.map(statsOf)))
      }),

    async agentStats(kindOfTask) {
      const { results } = await read(resultsPlace, Results, { results: [], seen: [] })
      return results
        .filter((row) => kindOfTask === undefined || row.kindOfTask === kindOfTask)
        .map(statsOf)
        .sort((a, b) => b.score - a.score || b.tasks - a.tasks)
    },
  }
}

/** Marks the notes that are kept by counting; one for each subject. */
const ATTRIBUTE = 'counted'

export function scopeOf(repository: string): Scope {
  return `repo:${repository.replace(/[\s/\\'"]/g, '_').slice(0, 120)}`
}

function isSeen(seen: readonly string[], from: string | undefined): boolean {
  return from !== undefined && seen.includes(from)
}

function withSeen(seen: readonly string[], from: string | undefined): string[] {
  return from === undefined ? [...seen] : [...seen, from].slice(-SEEN_MAX)
}

/** Pure: what is given may be what a file holds. */
function withCheck(
  checks: readonly z.infer<typeof Check>[],
  { command, tree, passed }: SeenCheck,
): z.infer<typeof Check>[] {
  const known = checks.find((check) => check.command === command) ?? { command, passes: 0, failures: 0, trees: [] }
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
  return [...checks.filter((other) => other.command !== command), check].slice(-CHECKS_MAX)
}

type ResultRow = z.infer<typeof Results>['results'][number]

function withResult(rows: readonly ResultRow[], result: AgentResult): ResultRow[] {
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
function counted(known: readonly (readonly [string, number])[], seen: readonly string[]): [string, number][] {
  const counts = new Map<string, number>(known)
  for (const one of new Set(seen)) counts.set(one, (counts.get(one) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, CUSTOMS_MAX)
}

function customsText({ checks, testFolders }: Pick<z.infer<typeof Customs>, 'checks' | 'testFolders'>): string {
  const list = (items: readonly (readonly [string, number])[]) =>
    items.map(([name, times]) => `- \`${name}\` (${times === 1 ? 'one goal' : `${times} goals`})`).join('\n')
  const parts = [
    ...(checks.length > 0 ? [`Commands that showed that work is good:\n\n${list(checks)}`] : []),
    ...(testFolders.length > 0 ? [`Folders that tests were put into:\n\n${list(testFolders)}`] : []),
  ]
  return parts.join('\n\n')
}

function flakiness(check: z.infer<typeof Check>): FlakyCheck {
  const trees = check.trees.filter(([, passes, failures]) => passes > 0 && failures > 0).length
  return { command: check.command, passes: check.passes, failures: check.failures, trees }
}

function statsOf(row: z.infer<typeof Results>['results'][number]): AgentStats {
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

function recipeText(recipe: Recipe): string {
  const how = recipe.worked ? 'This made a clean checkout ready' : 'This did NOT make a clean checkout ready'
  const commands =
    recipe.commands.length > 0 ? `\n\n\`\`\`sh\n${recipe.commands.join('\n')}\n\`\`\`` : '\n\nNothing needs to be run.'
  return `${how} on ${new Date(recipe.at).toISOString().slice(0, 10)}:${commands}${recipe.lesson ? `\n\n${recipe.lesson}` : ''}`
}

function checksText(checks: readonly FlakyCheck[]): string {
  const flaky = checks.filter(({ trees }) => trees > 0)
  if (flaky.length === 0) return `${checks.length} checks were watched; none was seen to be flaky.`
  const lines = flaky.map(
    (check) =>
      `- \`${check.command}\` is flaky: on ${check.trees} trees it both passed and failed (${check.passes} passes, ${check.failures} failures in all).`,
  )
  return `These checks gave different results on one and the same tree:\n\n${lines.join('\n')}`
}

function changesText(changes: readonly { files: string[] }[]): string {
  const counts = new Map<string, number>()
  for (const { files } of changes) {
    const sorted = [...files].sort()
    for (const [i, a] of sorted.entries())
      for (const b of sorted.slice(i + 1))
        counts.set(`\`${a}\` and \`${b}\``, (counts.get(`\`${a}\` and \`${b}\``) ?? 0) + 1)
  }
  const pairs = [...counts]
    .filter(([, count]) => count > 1)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 20)
  if (pairs.length === 0) return `${changes.length} changes were watched; no two files changed together twice.`
  return `Of the last ${changes.length} changes:\n\n${pairs.map(([pair, count]) => `- ${pair} changed together ${count} times`).join('\n')}`
}

function resultsText(stats: readonly AgentStats[]): string {
  return stats
    .map(
      ({ agent, kindOfTask, tasks, passed, runsPerTask }) =>
        `- ${agent}, ${kindOfTask}: ${passed} of ${tasks} tasks proven, ${runsPerTask.toFixed(1)} runs each`,
    )
    .join('\n')
}
