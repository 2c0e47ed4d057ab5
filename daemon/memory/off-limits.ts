import { z } from 'zod'
import type { OffLimit } from '../planning/vet.ts'

/**
 * Which files the owner's standing preferences forbid to change.
 *
 * Pure. A plan is held to this by plain code; the words of the preference go to the planner as well. Only a
 * sentence that forbids without a condition counts, and only names that look like files or stand for files of
 * the repository: where it is not certain, the words alone have to do. An owner who wants to be exact writes
 * `data: { offLimits: [globs] }` into the note's head.
 */
export interface StandingNote {
  id: string
  title: string
  body: string
  data: unknown
}

const Exact = z.object({ offLimits: z.array(z.string().min(1).max(400)).max(100) })

const FORBIDS =
  /\b(?:never|do not|don['’]t|must not|may not|shall not|no one may|nobody may)\s+(?:ever\s+)?(?:touch|change|edit|modify|alter|rewrite|write to|update|delete|remove)\b(.*)/i
/** With one of these the sentence is no plain order. */
const CONDITION = /\b(?:unless|without|except|when|if|until|before|after|while|only)\b/i
const NAME = /`([^`\n]{1,200})`|"([^"\n]{1,200})"|([\w@.*/-]*[\w*])/g
const GLOBS_MAX = 200

export function findOffLimits(notes: readonly StandingNote[], files: readonly string[]): OffLimit[] {
  const found = new Map<string, OffLimit>()
  for (const note of notes) {
    const exact = Exact.safeParse(note.data)
    const globs = exact.success ? exact.data.offLimits : forbiddenIn(`${note.title}\n${note.body}`, files)
    const because = `your note "${note.title}" (${note.id}) says so`
    for (const glob of globs) if (!found.has(glob)) found.set(glob, { glob, because })
  }
  return [...found.values()].slice(0, GLOBS_MAX)
}

function forbiddenIn(text: string, files: readonly string[]): string[] {
  return text.split(/\n|(?<=[.!?;])\s+/).flatMap((sentence) => {
    const rest = FORBIDS.exec(sentence)?.[1]
    if (rest === undefined || CONDITION.test(rest)) return []
    return [...rest.matchAll(NAME)].flatMap(([whole, ticked, quoted, bare = '']) => {
      const isFolder = /^\s*(?:folder|directory)\b/i.test(rest.slice(rest.indexOf(whole) + whole.length))
      return globsFor(ticked ?? quoted ?? bare.replace(/[.,:]+$/, ''), files, {
        isNamed: ticked !== undefined || quoted !== undefined || isFolder,
      })
    })
  })
}

function globsFor(given: string, files: readonly string[], { isNamed }: { isNamed: boolean }): string[] {
  const name = given.replace(/^\.\//, '').replace(/\/+$/, '')
  if (name === '' || name.startsWith('/') || name.split('/').includes('..')) return []
  const looksLikeFile = /[*/]/.test(name) || /\.\w{1,10}$/.test(name) || /^[A-Z][A-Z_-]{2,}$/.test(name)
  if (!isNamed && !looksLikeFile) return []
  if (name.includes('*')) return [name]
  if (files.some((file) => file.startsWith(`${name}/`))) return [`${name}/**`]
  if (name.includes('/')) return [name]
  const wanted = name.toLowerCase()
  const meant = files.filter((file) => {
    const base = file.slice(file.lastIndexOf('/') + 1).toLowerCase()
    return base === wanted || base.replace(/\.\w+$/, '') === wanted
  })
  // A name without an ending stands for the file that is not there yet, too.
  const made = /\.\w{1,10}$/.test(name) ? [name] : looksLikeFile ? [name, `${name}.*`] : []
  return [...new Set([...meant, ...made])]
}
