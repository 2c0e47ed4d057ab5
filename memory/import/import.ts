import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { ImportPreview, ImportResult, NoteDraft } from '../memory.ts'
import type { Note, Scope } from '../note.ts'
import { readChatExport } from './chat-export.ts'
import { readMarkdownFolder } from './markdown-folder.ts'

/**
 * Brings in what other programs remembered.
 *
 * Each note is tagged with a digest of where it came from and what it says, so that the
 * same import twice adds nothing, also when the owner has edited or moved the notes since.
 */
export interface ImportDeps {
  /** Tags of everything imported before. */
  known(): Set<string>
  add(draft: NoteDraft): Promise<Note>
}

/** One thing to bring in. `origin` tells it from all others of its source; it survives edits of the text. */
export interface Imported {
  origin: string
  draft: Omit<NoteDraft, 'source' | 'scope'>
}

export interface ImportSource {
  kind: string
  items: Imported[]
  skipped: { name: string; reason: string }[]
}

export const IMPORT_TAG = 'import-'

export async function previewImport(deps: ImportDeps, from: string): Promise<ImportPreview> {
  const source = await readSource(from)
  const known = deps.known()
  const fresh = source.items.filter((item) => !known.has(tagOf(item)))
  return {
    kind: source.kind,
    add: fresh.map(({ draft }) => ({
      title: draft.title ?? '',
      kind: draft.kind ?? 'fact',
      bytes: Buffer.byteLength(draft.text),
    })),
    known: source.items.length - fresh.length,
    skipped: source.skipped,
  }
}

export async function applyImport(deps: ImportDeps, from: string, scope: Scope): Promise<ImportResult> {
  const source = await readSource(from)
  const known = deps.known()
  let added = 0
  let seen = 0
  const skipped = [...source.skipped]
  for (const item of source.items) {
    const tag = tagOf(item)
    if (known.has(tag)) {
      seen++
      continue
    }
    known.add(tag)
    try {
      await deps.add({
        ...item.draft,
        scope,
        source: { from: 'import', ref: `${source.kind}: ${basename(from)}` },
        tags: [...(item.draft.tags ?? []), tag],
      })
      added++
    } catch (error) {
      if (!(error instanceof Fault) || error.code === 'disk_full') throw error
      skipped.push({ name: item.draft.title ?? item.origin, reason: error.message })
    }
  }
  return { kind: source.kind, added, known: seen, skipped }
}

async function readSource(from: string): Promise<ImportSource> {
  const found = await stat(from).catch((cause: unknown) => {
    throw new Fault('input_invalid', `${from} cannot be read`, { cause })
  })
  if (found.isDirectory()) {
    // An export that was unpacked; a folder of notes has no such file.
    const exported = join(from, 'conversations.json')
    const isExport = await stat(exported).then(
      (file) => file.isFile(),
      () => false,
    )
    return isExport ? await readChatExport(exported) : await readMarkdownFolder(from)
  }
  if (/\.json$/i.test(from)) return await readChatExport(from)
  throw new Fault('input_invalid', `${from} is neither a folder of notes nor a conversations.json`, {
    hint: 'Unpack the export and name its folder.',
  })
}

function tagOf(item: Imported): string {
  return `${IMPORT_TAG}${createHash('sha256').update(item.origin).digest('hex').slice(0, 20)}`
}
