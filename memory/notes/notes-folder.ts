import { createHash } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { NoteId } from '../note.ts'

/**
 * The folder of Markdown files: reading with care, writing so that a crash leaves either
 * the old text or the new, and hearing of what others change.
 *
 * Links are not followed and files that start with a dot are not ours: `.git`, `.obsidian`.
 */
export interface NotesFolder {
  readonly dir: string
  /** Every note file, with its time and size. Bounded; `tooMany` says when there are more. */
  list(): Promise<{ files: FoundFile[]; dirs: string[]; tooMany: boolean }>
  stat(path: string): Promise<FoundFile | undefined>
  read(path: string): Promise<ReadFile>
  /**
   * Writes a whole file. On disk when it returns.
   *
   * @param expected the hash of the text it replaces, or null for a new file
   * @returns false when the file is another by now: somebody else was quicker
   */
  write(path: string, text: string, expected: string | null): Promise<boolean>
  remove(path: string): Promise<void>
  /** Calls back soon after anything changed below; the path is a hint and may be missing. */
  watch(onChange: (path: string | null) => void): Watch
}

export interface FoundFile {
  path: string
  mtime: number
  size: number
}

export type ReadFile =
  | { kind: 'text'; text: string; hash: string; problem: string | null }
  | { kind: 'skipped'; reason: string }
  | { kind: 'gone' }

export interface Watch extends Disposable {
  /** Tells which folders there are; new ones are listened to, gone ones let go. */
  follow(dirs: readonly string[]): void
  /** Whether every folder is listened to. If not, only looking again finds changes. */
  readonly whole: boolean
}

export const NOTE_BYTES_MAX = 2 * 1024 * 1024
const FILES_MAX = 1_000_000
const DIRS_MAX = 4_000
const DEPTH_MAX = 24

export function createNotesFolder(dir: string): NotesFolder {
  const root = resolve(dir)
  const full = (path: string) => {
    const place = resolve(root, path)
    if (!place.startsWith(root + sep) || path.split('/').some((part) => part.startsWith('.'))) {
      throw new Fault('path_unsafe', `"${path}" is not a place for a note`)
    }
    return place
  }

  return {
    dir: root,

    async list() {
      const files: FoundFile[] = []
      const dirs = ['']
      for (let i = 0; i < dirs.length && files.length < FILES_MAX; i++) {
        const below = dirs[i]!
        const entries = await readdir(join(root, below), { withFileTypes: true }).catch(() => [])
        const names: string[] = []
        for (const entry of entries) {
          if (isLeftOver(entry.name)) await rm(join(root, below, entry.name), { force: true }).catch(() => {})
          if (entry.name.startsWith('.')) continue
          const path = below === '' ? entry.name : `${below}/${entry.name}`
          if (entry.isDirectory() && path.split('/').length < DEPTH_MAX && dirs.length < DIRS_MAX) dirs.push(path)
          else if (entry.isFile() && isNoteName(entry.name)) names.push(path)
        }
        for (let from = 0; from < names.length; from += 64) {
          const found = await Promise.all(names.slice(from, from + 64).map((path) => statFile(join(root, path), path)))
          for (const file of found) if (file) files.push(file)
        }
      }
      return { files, dirs, tooMany: files.length >= FILES_MAX || dirs.length >= DIRS_MAX }
    },

    stat: (path) => statFile(full(path), path),

    async read(path) {
      const place = full(path)
      const before = await statFile(place, path)
      if (!before) return { kind: 'gone' }
      if (before.size > NOTE_BYTES_MAX) {
        return {
          kind: 'skipped',
          reason: `${Math.round(before.size / 1024 / 1024)} MB: larger than a note may be (2 MB)`,
        }
      }
      let bytes: Buffer
      try {
        bytes = await readFile(place)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'gone' }
        return { kind: 'skipped', reason: `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}` }
      }
      return decode(bytes)
    },

    async write(path, text, expected) {
      const place = full(path)
      const bytes = Buffer.from(text, 'utf8')
      if (bytes.length > NOTE_BYTES_MAX) {
        throw new Fault('note_too_large', `the note is ${bytes.length} bytes; ${NOTE_BYTES_MAX} is the most`, {
          hint: 'Split it, or keep the text in a file and note where it is.',
        })
      }
      await mkdir(dirname(place), { recursive: true, mode: 0o700 })
      const part = join(dirname(place), partName(path))
      try {
        const handle = await open(part, 'w', 0o600)
        try {
          await handle.writeFile(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        if (expected === null) {
          // A link, unlike a rename, fails where a file has appeared meanwhile.
          await link(part, place)
          await unlink(part)
        } else {
          const now = await readFile(place).catch(() => null)
          if (now === null || hashOf(now) !== expected) return false
          await rename(part, place)
        }
        await syncDir(dirname(place))
        return true
      } catch (cause) {
        const code = (cause as NodeJS.ErrnoException).code
        if (code === 'EEXIST') return false
        if (code === 'ENOSPC' || code === 'EDQUOT') {
          throw new Fault('disk_full', `there is no room for the note ${path}`, {
            cause,
            hint: 'Free some space and try again.',
          })
        }
        throw cause
      } finally {
        await rm(part, { force: true }).catch(() => {})
      }
    },

    async remove(path) {
      await rm(full(path), { force: true })
      await syncDir(dirname(full(path))).catch(() => {})
    },

    watch(onChange) {
      const watchers = new Map<string, FSWatcher>()
      let whole = true
      const listen = (below: string) => {
        try {
          const watcher = watch(join(root, below), { persistent: false }, (_, name) => {
            if (name?.startsWith('.')) return
            onChange(name === null ? null : below === '' ? name : `${below}/${name}`)
          })
          watcher.on('error', () => {
            watcher.close()
            watchers.delete(below)
            whole = false
          })
          watchers.set(below, watcher)
        } catch {
          whole = false
        }
      }
      return {
        follow(dirs) {
          const wanted = new Set(dirs)
          whole = true
          for (const [below, watcher] of watchers) {
            if (wanted.has(below)) continue
            watcher.close()
            watchers.delete(below)
          }
          for (const below of wanted) if (!watchers.has(below)) listen(below)
        },
        get whole() {
          return whole
        },
        [Symbol.dispose]() {
          for (const watcher of watchers.values()) watcher.close()
          watchers.clear()
        },
      }
    },
  }
}

/** Where a note is written before it takes its place; two processes never have the same. */
function partName(path: string): string {
  return `.${process.pid}-${createHash('sha1').update(path).digest('hex').slice(0, 12)}.part`
}

/** Whether a process that was killed was writing it: only one at a time has the folder. */
function isLeftOver(name: string): boolean {
  return /^\.\d+-[0-9a-f]{12}\.part$/.test(name) && !name.startsWith(`.${process.pid}-`)
}

/** The id of a file that names none: it moves with the path, not with the text. */
export function idOfPath(path: string): NoteId {
  return `note_p-${createHash('sha256').update(path).digest('hex').slice(0, 24)}`
}

export function hashOf(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32)
}

export function isNoteName(name: string): boolean {
  return /\.(md|markdown)$/i.test(name)
}

async function statFile(place: string, path: string): Promise<FoundFile | undefined> {
  const found = await lstat(place).catch(() => undefined)
  return found?.isFile() ? { path, mtime: found.mtimeMs, size: found.size } : undefined
}

function decode(bytes: Buffer): ReadFile {
  if (bytes.includes(0)) return { kind: 'skipped', reason: 'binary: it holds zero bytes' }
  const hash = hashOf(bytes)
  try {
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), hash, problem: null }
  } catch {
    const text = new TextDecoder('windows-1252').decode(bytes)
    return { kind: 'text', text, hash, problem: 'not UTF-8; read as Windows-1252' }
  }
}

async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
