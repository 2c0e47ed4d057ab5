import { lstat, readdir } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { readNote } from '../note.ts'
import { createNotesFolder, hashOf, idOfPath, isNoteName } from '../notes/notes-folder.ts'
import type { Imported, ImportSource } from './import.ts'

/**
 * A folder of Markdown: an Obsidian vault, `~/.claude` with its CLAUDE.md and memory
 * folders, `~/.codex` with AGENTS.md and memories. Only note files are read; what else lies
 * there (sessions, settings, keys) is left alone.
 */
const FILES_MAX = 50_000
const DEPTH_MAX = 16
/** Caches and conversations of these programs, not notes. */
const NOT_NOTES = new Set([
  'node_modules',
  'sessions',
  'projects-cache',
  'shell-snapshots',
  'todos',
  'plugins',
  'log',
  'logs',
  'cache',
  'skills',
])

export async function readMarkdownFolder(dir: string): Promise<ImportSource> {
  const kind = kindOf(dir)
  const files: string[] = []
  const skipped: ImportSource['skipped'] = []
  await walk(dir, 0, files)
  if (files.length >= FILES_MAX) skipped.push({ name: dir, reason: `only the first ${FILES_MAX} files are looked at` })
  const items: Imported[] = []
  for (const file of files) {
    const path = relative(dir, file).split(sep).join('/')
    const read = await createNotesFolder(join(file, '..')).read(basename(file))
    if (read.kind !== 'text') {
      skipped.push({ name: path, reason: read.kind === 'gone' ? 'gone' : read.reason })
      continue
    }
    const { note } = readNote(read.text, path, idOfPath(path))
    if (note.body.trim() === '') {
      skipped.push({ name: path, reason: 'empty' })
      continue
    }
    const standing = /(^|\/)(CLAUDE|AGENTS|GEMINI)(\.local)?\.md$/i.test(path)
    items.push({
      origin: `${kind} ${path} ${hashOf(note.body.trim())}`,
      draft: {
        text: note.body,
        title:
          note.title === basename(path).replace(/\.[^.]+$/, '')
            ? `${note.title}${kind === 'markdown' ? '' : ` (${kind})`}`
            : note.title,
        kind: standing ? 'fact' : note.kind,
        tags: [...note.tags, kind],
        format: note.format,
        ...(note.observed ? { observed: note.observed } : {}),
      },
    })
  }
  return { kind, items, skipped }
}

function kindOf(dir: string): string {
  const parts = dir.split(sep)
  if (parts.some((part) => part === '.claude')) return 'claude-code'
  if (parts.some((part) => part === '.codex')) return 'codex'
  return 'markdown'
}

async function walk(dir: string, depth: number, files: string[]): Promise<void> {
  if (depth > DEPTH_MAX) return
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (files.length >= FILES_MAX) return
    if (entry.name.startsWith('.') || NOT_NOTES.has(entry.name)) continue
    const place = join(dir, entry.name)
    if (entry.isDirectory()) await walk(place, depth + 1, files)
    else if (entry.isFile() && isNoteName(entry.name) && (await lstat(place)).isFile()) files.push(place)
  }
}
