import { Fault } from '../../core/fault.ts'
import type { NoteFile } from '../memory.ts'
import type { Note, NoteId } from '../note.ts'
import { readNote, writeNote } from '../note.ts'
import type { Catalog } from './catalog.ts'
import type { History } from './history.ts'
import { idOfPath, type NotesFolder } from './notes-folder.ts'

/**
 * Notes by name, read and written whole.
 *
 * The owner may have the same file open: a write goes through only on the text that was read,
 * and is tried again on what the owner wrote. Each write is told to history and to the index.
 */
export interface NoteFiles {
  /** By id, by the start or the end of one, or by path. @throws note_not_found */
  pathOf(idOrPath: string): string
  read(path: string): Promise<Note>
  /** The file as it stands, for an editor. */
  readText(path: string): Promise<NoteFile>
  /**
   * Puts the owner's text in the place of the file.
   *
   * @throws input_invalid when its head makes no sense; note_changed when the file is another by now
   */
  replaceText(path: string, text: string, hash: string): Promise<Note>
  /** Reads, changes, writes; when the owner was quicker, once more on what the owner wrote. */
  change(path: string, how: (note: Note) => Note, what: (note: Note) => string): Promise<Note>
  /** False where a file of that name is there already. */
  create(note: Note, what: string): Promise<boolean>
  remove(path: string, what: string): Promise<void>
  /** @throws note_not_found when neither folder nor history knows it */
  everPathOf(id: NoteId): Promise<string>
  restore(id: NoteId, commit: string): Promise<Note>
}

export interface NoteFilesDeps {
  folder: NotesFolder
  catalog: Catalog
  history: History
  /** Has the index follow. */
  took(path: string): Promise<void>
}

const WRITE_TRIES = 3
/** Enough of an id to mean one. */
const PART = /^[A-Za-z0-9_-]{4,100}$/

export function createNoteFiles({ folder, catalog, history, took }: NoteFilesDeps): NoteFiles {
  async function readAt(path: string) {
    const read = await folder.read(path)
    if (read.kind !== 'text') {
      const words = read.kind === 'gone' ? `there is no note ${path}` : `${path} is not a note: ${read.reason}`
      throw new Fault('note_not_found', words)
    }
    const { note, rest } = readNote(read.text, path, idOfPath(path))
    return { note: { ...note, id: catalog.find(path)?.note?.id ?? note.id }, rest, text: read.text, hash: read.hash }
  }

  async function everPathOf(id: NoteId): Promise<string> {
    const path = catalog.findPath(id) ?? (await history.findLost(id))
    if (path === undefined) throw new Fault('note_not_found', `there is and was no note ${id}`)
    return path
  }

  return {
    everPathOf,

    pathOf(idOrPath) {
      if (idOrPath.includes('/') || /\.(md|markdown)$/i.test(idOrPath)) return idOrPath
      const exact = catalog.findPath(idOrPath)
      if (exact !== undefined) return exact
      const paths = PART.test(idOrPath) ? catalog.findPathsByPart(idOrPath) : []
      if (paths.length === 1) return paths[0]!
      const many = paths.length > 1 ? `${paths.length} notes are called ${idOrPath}` : `there is no note ${idOrPath}`
      throw new Fault('note_not_found', many, paths.length > 1 ? { hint: `Say more of it: ${paths.join(', ')}` } : {})
    },

    read: async (path) => (await readAt(path)).note,

    async readText(path) {
      const { note, text, hash } = await readAt(path)
      return { note, text, hash }
    },

    async replaceText(path, text, hash) {
      const { problem } = readNote(text, path, idOfPath(path))
      if (problem !== null) {
        throw new Fault('input_invalid', `the note was not changed: ${problem}`, {
          hint: 'The head stands between two lines of three dashes, one `key: value` a line.',
        })
      }
      if (text.trim() === '') {
        throw new Fault('input_invalid', 'the note was not changed: nothing is left of it', {
          hint: 'To take it away: claw note rm.',
        })
      }
      if (!(await folder.write(path, text.endsWith('\n') ? text : `${text}\n`, hash))) throw busy(path)
      history.changed(`Edit: ${readNote(text, path, idOfPath(path)).note.title}`)
      await took(path)
      return (await readAt(path)).note
    },

    async change(path, how, what) {
      for (let attempt = 0; attempt < WRITE_TRIES; attempt++) {
        const { note, rest, hash } = await readAt(path)
        const changed = how(note)
        if (await folder.write(path, writeNote(changed, rest), hash)) {
          history.changed(what(changed))
          await took(path)
          return changed
        }
      }
      throw busy(path)
    },

    async create(note, what) {
      if (!(await folder.write(note.path, writeNote(note), null))) return false
      history.changed(what)
      await took(note.path)
      return true
    },

    async remove(path, what) {
      // What is taken away must stand in history first.
      await history.settled()
      await folder.remove(path)
      history.changed(what)
      await took(path)
    },

    async restore(id, commit) {
      const path = await everPathOf(id)
      const then = (await history.versions(path)).find((version) => version.commit.startsWith(commit))?.path ?? path
      const text = await history.textAt(then, commit)
      const now = await folder.read(path)
      if (!(await folder.write(path, text, now.kind === 'text' ? now.hash : null))) throw busy(path)
      history.changed(`Restore ${path} as of ${commit.slice(0, 10)}`)
      await took(path)
      return (await readAt(path)).note
    },
  }
}

function busy(path: string): Fault {
  return new Fault('note_changed', `${path} is being changed by somebody else just now`, { hint: 'Try again.' })
}
