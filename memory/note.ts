import { parseDocument, stringify } from 'yaml'
import { z } from 'zod'
import { Fault } from '../core/fault.ts'

/**
 * A note as the owner sees it: a Markdown file with a short head of YAML.
 *
 * Files come from any editor, so reading is forgiving: an unknown key is kept as it is, a
 * head that makes no sense leaves the file readable as plain text with the problem named,
 * and nothing in a file can make the reader work or remember without bound.
 */
export const NoteKind = z.enum(['fact', 'preference', 'decision', 'recipe', 'episode', 'lesson'])
export type NoteKind = z.infer<typeof NoteKind>

/** `global`, or one repository, goal or other named room; a note answers only in its own. */
export const Scope = z.string().regex(/^(global|(repo|goal):[^\s/\\'"]{1,120})$/, 'global, repo:<id> or goal:<id>')
export type Scope = z.infer<typeof Scope>

/** Who it came from. What was fetched is never trusted and never a preference by itself. */
export const NoteSource = z.object({
  from: z.enum(['owner', 'run', 'goal', 'import', 'fetched', 'daemon']),
  /** A goal's number, a run's id, an address, a file. */
  ref: z.string().max(500).nullable().default(null),
})
export type NoteSource = z.infer<typeof NoteSource>

export const NoteHead = z.object({
  id: z.templateLiteral(['note_', z.string().regex(/^[A-Za-z0-9-]{1,80}$/)]),
  kind: NoteKind,
  scope: Scope,
  title: z.string().max(300),
  source: NoteSource,
  /** ISO moments, or null where unknown. `observed` is when it was so; it is what recall shows. */
  created: z.string().nullable(),
  observed: z.string().nullable(),
  validTo: z.string().nullable(),
  /** What it is about, for contradictions: two notes with the same subject and attribute cannot both hold. */
  subject: z.string().max(200).nullable(),
  attribute: z.string().max(200).nullable(),
  supersedes: z.array(z.string().max(120)).max(100),
  supersededBy: z.string().max(120).nullable(),
  pinned: z.boolean(),
  /** Words that look like orders to a model were found in a text that nobody vouches for. */
  suspicious: z.boolean(),
  /** `conversation`: every `### speaker · date` heading is a turn of its own. */
  format: z.enum(['document', 'conversation']),
  tags: z.array(z.string().max(100)).max(100),
  /** Facts for programs (a recipe's commands, a check's results). */
  data: z.unknown(),
})
export type NoteHead = z.infer<typeof NoteHead>
export type NoteId = NoteHead['id']

export interface Note extends NoteHead {
  body: string
  /** Below the notes folder, with forward slashes. */
  path: string
}

export interface ReadNote {
  note: Note
  /** What could not be understood, for `audit`; the text is searchable all the same. */
  problem: string | null
  /** Keys of the head that are not ours, written back untouched. */
  rest: Record<string, unknown>
}

const HEAD_BYTES_MAX = 64 * 1024
const HEAD_ALIASES_MAX = 20

/**
 * Reads the text of a note file. Never throws.
 *
 * @param path below the notes folder: it gives a file without a head its scope, title and id
 * @param fallbackId the id of a file that names none
 */
export function readNote(text: string, path: string, fallbackId: NoteId): ReadNote {
  const { head, body: given, problem: splitProblem } = splitHead(text)
  const body = given.trim()
  const { value: headValue, problem: headProblem } = parseHead(head)
  const note: Note = { ...plainHead(path, body, fallbackId), body, path }
  const rest: Record<string, unknown> = {}
  const wrong: string[] = []
  for (const [key, value] of Object.entries(headValue)) {
    const name = HEAD_NAMES.get(key)
    if (!name) {
      if (key !== '__proto__') rest[key] = value
      continue
    }
    const parsed = NoteHead.shape[name].safeParse(givenToHead(name, value))
    if (parsed.success) Object.assign(note, { [name]: parsed.data })
    else wrong.push(key)
  }
  // Nobody becomes a preference by being fetched.
  if (note.source.from === 'fetched' && note.kind === 'preference') note.kind = 'fact'
  const problem = splitProblem ?? headProblem ?? (wrong.length > 0 ? `not understood: ${wrong.join(', ')}` : null)
  return { note, problem, rest }
}

/** The file's text. Reading it back gives the same note. @throws note_too_large when it could not be read back */
export function writeNote(note: Note, rest: Record<string, unknown> = {}): string {
  const head: Record<string, unknown> = { id: note.id, kind: note.kind, scope: note.scope, title: note.title }
  head['source'] = note.source.ref === null ? note.source.from : note.source
  if (note.created) head['created'] = note.created
  if (note.observed) head['observed'] = note.observed
  if (note.validTo) head['valid_to'] = note.validTo
  if (note.subject) head['subject'] = note.subject
  if (note.attribute) head['attribute'] = note.attribute
  if (note.supersedes.length > 0) head['supersedes'] = note.supersedes
  if (note.supersededBy) head['superseded_by'] = note.supersededBy
  if (note.pinned) head['pinned'] = true
  if (note.suspicious) head['suspicious'] = true
  if (note.format !== 'document') head['format'] = note.format
  if (note.tags.length > 0) head['tags'] = note.tags
  if (note.data !== null) head['data'] = note.data
  const text = stringify({ ...head, ...rest }, { lineWidth: 0 })
  if (text.length > HEAD_BYTES_MAX - 8) {
    throw new Fault('note_too_large', `the head of "${note.title}" is larger than 64 KB`, {
      hint: 'Put the text below the head.',
    })
  }
  return `---\n${text}---\n\n${note.body.trim()}\n`
}

/** Whether it still holds. */
export function isSuperseded(note: Pick<NoteHead, 'supersededBy' | 'validTo'>, now: number): boolean {
  return note.supersededBy !== null || (note.validTo !== null && Date.parse(note.validTo) <= now)
}

/** Whether the owner, or work that the daemon itself watched, stands behind it. */
export function isTrusted(note: Pick<NoteHead, 'source'>): boolean {
  return note.source.from !== 'fetched'
}

export function checkScope(scope: string): Scope {
  const parsed = Scope.safeParse(scope)
  if (!parsed.success) throw new Fault('input_invalid', `"${scope}" is not a scope: global, repo:<id> or goal:<id>`)
  return parsed.data
}

/** The file's key → our field. */
const HEAD_NAMES: ReadonlyMap<string, keyof NoteHead> = new Map(
  Object.entries({
    id: 'id',
    kind: 'kind',
    scope: 'scope',
    title: 'title',
    source: 'source',
    created: 'created',
    observed: 'observed',
    valid_from: 'observed',
    valid_to: 'validTo',
    subject: 'subject',
    attribute: 'attribute',
    supersedes: 'supersedes',
    superseded_by: 'supersededBy',
    pinned: 'pinned',
    suspicious: 'suspicious',
    format: 'format',
    tags: 'tags',
    data: 'data',
  }),
)

function givenToHead(name: keyof NoteHead, given: unknown): unknown {
  if (name === 'source' && typeof given === 'string') return { from: given }
  if ((name === 'tags' || name === 'supersedes') && typeof given === 'string')
    return given.split(/[,\s]+/).filter(Boolean)
  if (name === 'tags' && Array.isArray(given)) return given.map(String)
  if (given instanceof Date) return given.toISOString()
  if (name === 'title' && (typeof given === 'number' || typeof given === 'boolean')) return String(given)
  return given
}

/** What a file without a head is. */
function plainHead(path: string, body: string, id: NoteId): NoteHead {
  const heading = /^#\s+(.{1,300})$/m.exec(body.slice(0, 4000))?.[1]?.trim()
  const name = path.replace(/^.*\//, '').replace(/\.(md|markdown)$/i, '')
  return {
    id,
    kind: 'fact',
    scope: scopeOfPath(path),
    title: (heading ?? name).slice(0, 300),
    source: { from: 'owner', ref: null },
    created: null,
    observed: null,
    validTo: null,
    subject: null,
    attribute: null,
    supersedes: [],
    supersededBy: null,
    pinned: false,
    suspicious: false,
    format: 'document',
    tags: [],
    data: null,
  }
}

/** Folders that are scopes. An owner's own folders are just folders. */
const ROOMS = new Set(['repo', 'goal'])

/** `repo/<id>/…` is that repository's, `goal/<id>/…` that goal's; everything else is global. */
export function scopeOfPath(path: string): Scope {
  const [room, name, more] = path.split('/')
  if (room && name && more !== undefined && ROOMS.has(room)) {
    const scope = Scope.safeParse(`${room}:${name}`)
    if (scope.success) return scope.data
  }
  return 'global'
}

/** The folder a scope's notes are kept in. */
export function folderOfScope(scope: Scope): string {
  return scope === 'global' ? 'global' : scope.replace(':', '/')
}

function splitHead(text: string): { head: string; body: string; problem: string | null } {
  const clean = text.startsWith('\uFEFF') ? text.slice(1) : text
  if (!/^---[ \t]*\r?\n/.test(clean)) return { head: '', body: clean, problem: null }
  const end = /\r?\n---[ \t]*(\r?\n|$)/.exec(clean.slice(3, HEAD_BYTES_MAX + 3))
  if (!end) return { head: '', body: clean, problem: 'the head is not closed, or is larger than 64 KB' }
  const head = clean.slice(clean.indexOf('\n') + 1, 3 + end.index + 1)
  return { head, body: clean.slice(3 + end.index + end[0].length).replace(/^\s*\n/, ''), problem: null }
}

function parseHead(head: string): { value: Record<string, unknown>; problem: string | null } {
  if (head.trim() === '') return { value: {}, problem: null }
  try {
    const document = parseDocument(head, { schema: 'core', uniqueKeys: false, logLevel: 'silent' })
    if (document.errors.length > 0)
      return { value: {}, problem: `the head is not YAML: ${firstLine(document.errors[0]!.message)}` }
    const value: unknown = document.toJS({ maxAliasCount: HEAD_ALIASES_MAX })
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      return { value: {}, problem: 'the head is not a list of keys' }
    }
    return { value: value as Record<string, unknown>, problem: null }
  } catch (error) {
    return { value: {}, problem: `the head is not YAML: ${firstLine(String(error))}` }
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, 200)
}
