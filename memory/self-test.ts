import { setImmediate as breathe } from 'node:timers/promises'
import type { Engine } from './engine/engine.ts'
import type { SelfTest } from './memory.ts'
import type { Catalog } from './notes/catalog.ts'
import type { NotesFolder } from './notes/notes-folder.ts'
import type { Sync } from './sync/sync.ts'

interface Parts {
  catalog: Catalog
  engine: Engine
  sync: Sync
  folder: Pick<NotesFolder, 'read'>
  now: () => number
}

/**
 * Asks whether the index holds what the files say, and mends it where it does not.
 *
 * Is the text of every file, by its checksum, the one that was taken up; does every note have as many passages in
 * the index as were made of it, and vectors where they were made; does the index hold notes that
 * are no more; and is a note that exists found when it is asked for by its own title. A note that
 * differs is put again; an index that cannot answer is made anew.
 */
export async function selfTest(parts: Parts): Promise<SelfTest> {
  const { catalog, engine, sync } = parts
  const problems: string[] = []
  const at = new Date(parts.now()).toISOString()
  await sync.settled()
  const stale = await findStale(parts)
  if (stale.length > 0) {
    problems.push(
      `${stale.length} files are not as they were read, though they look the same: ${stale.slice(0, 3).join(', ')}`,
    )
    for (const path of stale) await sync.took(path)
    await sync.settled()
  }
  let held: Map<string, number>
  try {
    held = await engine.countByNote()
  } catch (error) {
    problems.push(`the index cannot be read: ${String(error)}`)
    await sync.again()
    return { at, passed: false, problems, repaired: await answers(parts) }
  }
  const expected = catalog.indexed()
  const wrong = [...expected].filter(([id, passages]) => (held.get(id) ?? 0) !== passages).map(([id]) => id)
  const strange = [...held.keys()].filter((id) => !expected.has(id))
  if (wrong.length > 0) problems.push(`${wrong.length} notes are not in the index as they are in the folder`)
  if (strange.length > 0) problems.push(`${strange.length} notes are in the index and not in the folder`)
  if (wrong.length > 0 || strange.length > 0) {
    catalog.together(() => {
      for (const id of [...wrong, ...strange]) catalog.addGone(id)
    })
    await sync.settled()
  }
  const blind = await withoutTheirVectors(parts)
  if (blind.length > 0) {
    problems.push(`${blind.length} notes have lost their vectors`)
    catalog.together(() => catalog.forgetVectors(blind))
    // Made in the background; recall goes by words as long as many are missing.
    await sync.settled()
  }
  if (!(await answers(parts))) {
    problems.push('a note that exists is not found')
    await sync.again()
    return { at, passed: false, problems, repaired: await answers(parts) }
  }
  return { at, passed: problems.length === 0, problems, repaired: problems.length > 0 }
}

/** Files read at the same time, and between two looks at what else the process has to do. */
const READ_AT_ONCE = 20

/** Files whose content is another than what was last read of them, with the same size and time. */
async function findStale({ catalog, folder }: Pick<Parts, 'catalog' | 'folder'>): Promise<string[]> {
  const stale: string[] = []
  const paths = [...catalog.paths().keys()]
  for (let from = 0; from < paths.length; from += READ_AT_ONCE) {
    const some = paths.slice(from, from + READ_AT_ONCE)
    const read = await Promise.all(some.map((path) => folder.read(path)))
    for (const [n, path] of some.entries()) {
      const known = catalog.find(path)
      const now = read[n]!
      // What is not there, or cannot be read, is for the next look at the folder.
      if (known?.note && now.kind === 'text' && now.hash !== known.hash) stale.push(path)
    }
    await breathe()
  }
  return stale
}

/** Notes that should have vectors and have none. The model is not loaded for it. */
async function withoutTheirVectors({ catalog, engine }: Pick<Parts, 'catalog' | 'engine'>): Promise<string[]> {
  const identity = catalog.getFact('identity')
  const expected = identity === null ? [] : catalog.embedded(identity)
  if (identity === null || expected.length === 0) return []
  const held = new Set(await engine.notesWithVectors(identity))
  return expected.filter((id) => !held.has(id))
}

const CANARIES = 3

/** Whether some notes are found by their own titles. */
async function answers({
  catalog,
  engine,
  now,
}: {
  catalog: Catalog
  engine: Engine
  now: () => number
}): Promise<boolean> {
  try {
    for (const note of catalog.list({ past: true, limit: CANARIES }, now())) {
      if ((catalog.indexed().get(note.id) ?? 0) === 0) continue
      const answer = await engine.recall({
        question: note.title,
        where: { scopes: [note.scope] },
        limit: 50,
        vectors: false,
        now: now(),
      })
      // A title of stop words finds nothing, and another note may bear the same one; an answer is what counts.
      if (answer.found.length === 0 && answer.abstained === null) return false
    }
    return true
  } catch {
    return false
  }
}
