import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NoteSummary, NoteVersion, Remembered } from '../../daemon/http/memory-shapes.ts'
import type { NoteView } from '../../daemon/http/notes.ts'
import { connect } from '../daemon.ts'
import { editorOf, openEditor } from '../editor.ts'
import { Refused, usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { ago, clip, manyLines, oneLine, pad } from '../text.ts'
import { resolveRepo } from './add.ts'
import { readAll } from './stdin.ts'

type Kind = NoteSummary['kind']

export interface NewNoteOptions {
  title?: string
  kind?: string
  scope?: string
  pin?: boolean
  subject?: string
  attribute?: string
  date?: string
  tag?: string[]
  fetchedFrom?: string
}

export interface NoteListOptions {
  scope?: string
  kind?: string
  tag?: string
  past?: boolean
  limit: number
}

/** Words, `-` for stdin, or nothing: then the editor is opened. */
export async function add(surface: Surface, given: string | undefined, options: NewNoteOptions): Promise<void> {
  const text = given === undefined ? written(surface) : given === '-' ? await readAll(surface) : given
  if (text.trim() === '') throw usage('The note is empty')
  const client = await connect(surface, { start: true })
  const response = await client.v1.notes.$post({
    json: {
      text,
      title: options.title ?? null,
      kind: (options.kind as Kind | undefined) ?? 'fact',
      scope: roomWord(surface, options.scope ?? 'global'),
      pinned: options.pin === true,
      subject: options.subject ?? null,
      attribute: options.attribute ?? null,
      observed: options.date ?? null,
      tags: options.tag ?? [],
      fetchedFrom: options.fetchedFrom ?? null,
    },
  })
  const remembered = (await response.json()) as Remembered
  if (surface.isJson) return surface.printJson(remembered)
  const { outcome, note, superseded, warnings } = remembered
  const said = { added: 'is kept', merged: 'says more now', known: 'says that already' }[outcome]
  surface.print(`note ${shortId(note.id)} ${said}: ${oneLine(note.title)}`)
  for (const id of superseded) surface.print(`note ${shortId(id)} no longer holds; to take that back: claw note rm`)
  for (const warning of warnings) surface.say(surface.paintErr('yellow', `claw: ${oneLine(warning)}`))
}

export async function list(surface: Surface, options: NoteListOptions): Promise<void> {
  const client = await connect(surface, { start: true })
  const { notes, rooms } = (await (
    await client.v1.notes.$get({
      query: {
        limit: String(options.limit),
        past: options.past ? 'true' : 'false',
        ...(options.scope === undefined ? {} : { scope: roomWord(surface, options.scope) }),
        ...(options.kind === undefined ? {} : { kind: options.kind as Kind }),
        ...(options.tag === undefined ? {} : { tag: options.tag }),
      },
    })
  ).json()) as { notes: NoteSummary[]; rooms: Record<string, string> }
  if (surface.isJson) return surface.printJson(notes)
  if (notes.length === 0)
    return surface.say('No notes. Keep one: claw note add "We deploy on Fridays, never before noon"')
  for (const note of notes) surface.print(listLine(surface, note, rooms[note.scope] ?? note.scope))
  if (notes.length === options.limit)
    surface.say(surface.paintErr('gray', `the newest ${options.limit}; more: --limit`))
}

function listLine({ paint, width, now }: Surface, note: NoteSummary, room: string): string {
  const at = Date.parse(note.observed ?? note.created ?? '')
  const time = Number.isNaN(at) ? '' : ago(at, now())
  const mark = note.past ? 'past' : note.pinned ? 'pinned' : ''
  const where = [room === 'everywhere' ? '' : room, mark, note.problem ? '!' : ''].filter(Boolean).join(' · ')
  const rest = clip([where, time].filter(Boolean).join('  '), 40)
  const title = pad(oneLine(note.title), Math.max(12, Math.min(70, width() - 9 - 11 - rest.length - 2)))
  return `${paint('cyan', shortId(note.id))} ${pad(note.kind, 11)}${note.past ? paint('gray', title) : title}  ${paint('gray', rest)}`
}

export async function show(surface: Surface, name: string): Promise<void> {
  const view = await fetchNote(surface, name)
  if (surface.isJson) return surface.printJson(view)
  const { note, file, room } = view
  const fact = (what: string, words: string | null) => {
    if (words) surface.print(`${surface.paint('gray', pad(what, 11))}${oneLine(words)}`)
  }
  surface.print(surface.paint('bold', oneLine(note.title)))
  fact('id', note.id)
  fact('kind', `${note.kind}${note.pinned ? ', pinned' : ''}`)
  fact('where', room)
  fact('from', `${note.source.from}${note.source.ref ? `, ${note.source.ref}` : ''}${trustWords(note)}`)
  fact('date', note.observed ?? note.created)
  fact('about', [note.subject, note.attribute].filter(Boolean).join(', '))
  fact('tags', note.tags.join(', '))
  fact('superseded', note.supersededBy && `by ${note.supersededBy}`)
  fact('file', file)
  surface.print('')
  surface.print(manyLines(note.body))
}

/** In the owner's editor, on a copy that takes the note's place only when it is right. */
export async function edit(surface: Surface, name: string): Promise<void> {
  const view = await fetchNote(surface, name)
  const editor = editorOf(surface, `edit ${view.file} yourself`)
  const folder = draftsIn(surface)
  const left = readdirSync(folder).find((other) => other.startsWith(`${view.note.id}.`) && other !== mine(view.note.id))
  const hash = left?.split('.')[1] ?? view.hash
  const draft = join(folder, left ?? `${view.note.id}.${view.hash}.md`)
  if (!left) writeFileSync(draft, view.markdown, { mode: 0o600 })
  openEditor(surface, editor, draft)
  const markdown = readFileSync(draft, 'utf8')
  if (markdown === view.markdown) {
    rmSync(draft)
    return surface.isJson ? surface.printJson(view) : surface.say('Nothing was changed.')
  }
  const client = await connect(surface, { start: true })
  try {
    const response = await client.v1.notes[':note'].$put({ param: { note: view.note.id }, json: { markdown, hash } })
    const changed = (await response.json()) as NoteView
    rmSync(draft)
    if (surface.isJson) surface.printJson(changed)
    else surface.print(`note ${shortId(changed.note.id)} is changed: ${oneLine(changed.note.title)}`)
  } catch (error) {
    if (error instanceof Refused && error.code === 'note_changed') {
      // Somebody else was quicker: what was written must not be taken for an edit of what is there now.
      const kept = join(folder, mine(view.note.id))
      renameSync(draft, kept)
      surface.say(`What you wrote is kept in ${kept}; the note as it is now: claw note show ${shortId(view.note.id)}`)
    } else surface.say(`What you wrote is kept in ${draft}; claw note edit goes on with it.`)
    throw error
  }
}

const mine = (id: string) => `${id}.mine.md`

export async function remove(surface: Surface, name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const view = (await (await client.v1.notes[':note'].$delete({ param: { note: name } })).json()) as NoteView
  if (surface.isJson) return surface.printJson(view)
  surface.print(`note ${shortId(view.note.id)} is forgotten: ${oneLine(view.note.title)}`)
  surface.say(`To bring it back: claw note restore ${view.note.id}`)
}

export async function history(surface: Surface, name: string): Promise<void> {
  const versions = await fetchVersions(surface, name)
  if (surface.isJson) return surface.printJson(versions)
  for (const { commit, at, message } of versions) {
    const when = pad(ago(Date.parse(at), surface.now()), 12)
    surface.print(`${surface.paint('cyan', commit.slice(0, 10))} ${surface.paint('gray', when)} ${oneLine(message)}`)
  }
}

/** Without a version: the one before the latest change, also when that change was its removal. */
export async function restore(surface: Surface, name: string, given: string | undefined): Promise<void> {
  const version = given ?? (await fetchVersions(surface, name))[1]?.commit
  if (version === undefined) throw usage(`There is no earlier version of ${oneLine(name)}`)
  const client = await connect(surface, { start: true })
  const response = await client.v1.notes[':note'].restore.$post({ param: { note: name }, json: { version } })
  const view = (await response.json()) as NoteView
  if (surface.isJson) return surface.printJson(view)
  surface.print(`note ${shortId(view.note.id)} is as it was in ${version.slice(0, 10)}: ${oneLine(view.note.title)}`)
}

/** A scope as the daemon takes it: a repository by its whole path, a goal by `goal:12` or `#12`. */
export function roomWord({ cwd }: Surface, word: string): string {
  if (/^(global|all|repo:.+|goal:.+)$/.test(word)) return word
  return /^#\d+$/.test(word) ? `goal:${word.slice(1)}` : resolveRepo(word, cwd)
}

/** The end of the id: ids of notes that were made together begin alike. */
export function shortId(id: string): string {
  return id.slice(-8)
}

async function fetchNote(surface: Surface, name: string): Promise<NoteView> {
  const client = await connect(surface, { start: true })
  return (await (await client.v1.notes[':note'].$get({ param: { note: name } })).json()) as NoteView
}

async function fetchVersions(surface: Surface, name: string): Promise<NoteVersion[]> {
  const client = await connect(surface, { start: true })
  const response = await client.v1.notes[':note'].history.$get({ param: { note: name } })
  return ((await response.json()) as { versions: NoteVersion[] }).versions
}

/** Where what is being edited lies until it is taken. */
function draftsIn({ paths }: Surface): string {
  const folder = join(paths.stateDir, 'note-drafts')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/** The editor on an empty file. */
function written(surface: Surface): string {
  const editor = editorOf(surface, 'say it: claw note add "…"')
  const draft = join(draftsIn(surface), `new-${process.pid}.md`)
  writeFileSync(draft, '', { mode: 0o600 })
  try {
    openEditor(surface, editor, draft)
    return readFileSync(draft, 'utf8')
  } finally {
    rmSync(draft, { force: true })
  }
}

function trustWords({ source, suspicious }: NoteView['note']): string {
  if (suspicious) return ' (reads like orders to an agent; never given as a preference)'
  return source.from === 'fetched' ? ' (nobody vouches for it)' : ''
}
