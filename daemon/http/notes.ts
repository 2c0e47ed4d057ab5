import { isAbsolute, join } from 'node:path'
import { Hono } from 'hono'
import { Fault } from '../../core/fault.ts'
import type { Memory, NoteFile } from '../../memory/memory.ts'
import type { Note, NoteId, Scope } from '../../memory/note.ts'
import type { Rooms } from '../goals/rooms.ts'
import type { MemoryDoor } from '../memory/open-memory.ts'
import { ChangeNoteBody, NewNoteBody, NoteListQuery, ReplaceNoteBody, RestoreNoteBody } from './memory-shapes.ts'
import { body, query } from './valid.ts'

/** A note with its file. */
export interface NoteView {
  note: Note
  markdown: string
  hash: string
  file: string
  /** What a person calls its scope. */
  room: string
}

export interface NoteRouteDeps {
  memory: Pick<MemoryDoor, 'open' | 'words' | 'fetchModel'>
  rooms: Rooms
}

/** A note is named by its id, the start of one, or its path below the notes folder. */
export function noteRoutes({ memory, rooms }: NoteRouteDeps) {
  const view = async ({ note, text, hash }: NoteFile, folder: string): Promise<NoteView> => ({
    note,
    markdown: text,
    hash,
    file: join(folder, note.path),
    room: await rooms.name(note.scope),
  })
  const show = async (name: string) => {
    const opened = await memory.open()
    return await view(await opened.readText(named(name)), opened.folder)
  }
  const idOf = async (name: string): Promise<NoteId> => (await (await memory.open()).getNote(named(name))).id

  return new Hono()
    .post('/', body(NewNoteBody), async (c) => {
      const { title, subject, attribute, observed, scope, fetchedFrom, ...rest } = c.req.valid('json')
      const remembered = await (await memory.open()).remember({
        ...rest,
        scope: await roomOf(rooms, scope),
        source: fetchedFrom === null ? { from: 'owner', ref: null } : { from: 'fetched', ref: fetchedFrom },
        ...(title === null ? {} : { title }),
        ...(subject === null ? {} : { subject }),
        ...(attribute === null ? {} : { attribute }),
        ...(observed === null ? {} : { observed }),
      })
      c.header('location', `/v1/notes/${remembered.note.id}`)
      return c.json(remembered, 201)
    })
    .get('/', query(NoteListQuery), async (c) => {
      const { scope, kind, tag, past, limit } = c.req.valid('query')
      const room = scope === undefined ? 'all' : await rooms.find(scope)
      const notes = (await memory.open()).listNotes({
        ...(room === 'all' ? {} : { scopes: [room as Scope] }),
        ...(kind ? { kinds: [kind] } : {}),
        ...(tag ? { tag } : {}),
        past,
        limit,
      })
      return c.json({ notes, rooms: await nameAll(rooms, notes) })
    })
    .get('/:note', async (c) => c.json(await show(c.req.param('note'))))
    .patch('/:note', body(ChangeNoteBody), async (c) => {
      const { holds, scope, ...change } = c.req.valid('json')
      const opened = await memory.open()
      const { path } = await opened.edit(await idOf(c.req.param('note')), {
        ...defined(change),
        ...(scope === undefined ? {} : { scope: await roomOf(rooms, scope) }),
        ...(holds ? { supersededBy: null } : {}),
      })
      return c.json(await show(path))
    })
    .put('/:note', body(ReplaceNoteBody), async (c) => {
      const { markdown, hash } = c.req.valid('json')
      const { path } = await (await memory.open()).replaceText(await idOf(c.req.param('note')), markdown, hash)
      return c.json(await show(path))
    })
    .delete('/:note', async (c) => {
      const shown = await show(c.req.param('note'))
      await (await memory.open()).forget(shown.note.id)
      return c.json(shown)
    })
    .get('/:note/history', async (c) => {
      const opened = await memory.open()
      return c.json({ versions: await opened.history(await idEver(opened, c.req.param('note'))) })
    })
    .post('/:note/restore', body(RestoreNoteBody), async (c) => {
      const opened = await memory.open()
      const { path } = await opened.restore(
        await idEver(opened, c.req.param('note')),
        c.req.valid('json').version.toLowerCase(),
      )
      return c.json(await show(path))
    })
}

export async function roomOf(rooms: Rooms, word: string): Promise<Scope> {
  const room = await rooms.find(word)
  if (room === 'all') throw new Fault('input_invalid', 'A note is kept in one place, not in all; global is everywhere')
  return room as Scope
}

export async function nameAll(rooms: Rooms, rows: readonly { scope: string }[]): Promise<Record<string, string>> {
  const scopes = [...new Set(rows.map(({ scope }) => scope))]
  return Object.fromEntries(await Promise.all(scopes.map(async (scope) => [scope, await rooms.name(scope)])))
}

/** Of a note that was forgotten only the whole id is known. */
async function idEver(memory: Memory, name: string): Promise<NoteId> {
  try {
    return (await memory.getNote(named(name))).id
  } catch (error) {
    if (/^note_[0-9a-f-]{36}$/.test(name)) return name as NoteId
    throw error
  }
}

function named(name: string): string {
  if (isAbsolute(name) || name.split('/').includes('..')) {
    throw new Fault('note_not_found', `${name} is no note; a path is below the notes folder`)
  }
  return name
}

/** Without the keys that were not given. */
function defined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}
