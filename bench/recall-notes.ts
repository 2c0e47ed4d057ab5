import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeTurn } from '../memory/chunk.ts'
import type { CorpusLine } from './recall-data.ts'

/** Messages as the notes an import would make of them: one conversation for each sitting of a group. */
export interface WrittenNotes {
  /** The message's id, by note path and anchor. */
  idOf: ReadonlyMap<string, string>
  /** The scope that a group's notes are in. */
  scopeOf(group: string): `repo:${string}`
}

/** A pause longer than this begins another note. */
const SITTING_MS = 3 * 3600_000
const TURNS_MAX = 500
/** A note may have 2 MB. */
const BYTES_MAX = 512 * 1024
const FOLDER_NOTES = 500

export async function writeNotes(dir: string, corpus: readonly CorpusLine[]): Promise<WrittenNotes> {
  const numbers = new Map<string, number>()
  // By number: two names may be the same once they are made fit for a scope.
  const scopeOf = (group: string) => `repo:g${numbers.get(group) ?? 'none'}` as const
  for (const { group } of corpus) if (!numbers.has(group)) numbers.set(group, numbers.size + 1)

  const idOf = new Map<string, string>()
  for (const [n, sitting] of sittingsOf(corpus).entries()) {
    const path = `bench/${Math.floor(n / FOLDER_NOTES)}/${String(n).padStart(6, '0')}.md`
    const turns = sitting.map((line, i) => {
      idOf.set(`${path}#t${i + 1}`, line.id)
      const at = line.at === null ? null : new Date(line.at).toISOString()
      return writeTurn({ speaker: line.speaker, at, anchor: `t${i + 1}`, text: line.text })
    })
    const head = `id: note_bench-${n}\nkind: episode\nscope: ${scopeOf(sitting[0]!.group)}\ntitle: Conversation ${n + 1}\nsource: import\nformat: conversation\n`
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), `---\n${head}---\n\n${turns.join('\n')}`)
  }
  return { idOf, scopeOf }
}

/** In the order of the file, whichever way its groups are mixed. */
function sittingsOf(corpus: readonly CorpusLine[]): CorpusLine[][] {
  const sittings: CorpusLine[][] = []
  for (const lines of Map.groupBy(corpus, ({ group }) => group).values()) {
    let sitting: CorpusLine[] = []
    let bytes = 0
    for (const line of lines) {
      const before = sitting.at(-1)
      const size = Buffer.byteLength(line.text) + 100
      const isFull = sitting.length >= TURNS_MAX || bytes + size > BYTES_MAX
      const isLater = before !== undefined && Math.abs((line.at ?? 0) - (before.at ?? 0)) > SITTING_MS
      if (before === undefined || isFull || isLater) {
        sitting = []
        bytes = 0
        sittings.push(sitting)
      }
      sitting.push(line)
      bytes += size
    }
  }
  return sittings
}
