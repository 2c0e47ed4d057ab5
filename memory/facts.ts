import type { z } from 'zod'
import {
  type AgentResult,
  type AgentStats,
  CHANGE_FILES_MAX,
  Changes,
  Checks,
  type Conventions,
  Customs,
  counted,
  type FlakyCheck,
  flakiness,
  isSeen,
  Recipe,
  Results,
  type SeenCheck,
  statsOf,
  withChange,
  withChecks,
  withResults,
  withSeen,
} from './counting.ts'
import { changesText, checksText, customsText, recipeText, resultsText } from './fact-words.ts'
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

export type { AgentResult, Conventions, SeenCheck }

const TOGETHER_MAX = 50

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
        const kept = withChecks(checks, seenChecks)
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
        const kept = withChange(changes, { commit, files })
        if (kept === changes) return
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
        const kept = withResults(results, given)
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
