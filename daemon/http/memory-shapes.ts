/** What clients send to the memory and what it answers. The annotations hold them to the real types. */
import { z } from 'zod'
import type {
  Finding,
  Held,
  ImportPreview,
  ImportResult,
  MemoryStatus,
  NoteSummary,
  NoteVersion,
  Recalled,
  RecalledPassage,
  Remembered,
  SelfTest,
} from '../../memory/memory.ts'
import { type Note, NoteHead, NoteKind, NoteSource } from '../../memory/note.ts'

export type {
  Finding,
  Held,
  ImportPreview,
  ImportResult,
  MemoryStatus,
  NoteSummary,
  NoteVersion,
  Recalled,
  Remembered,
  SelfTest,
}

const ROOM_WORDS = '`global`, `goal:12`, or a repository: path, URL or `repo:<id>`'
const LISTED_MAX = 1000

const room = z.string().trim().min(1).max(4096)
const text = z
  .string()
  .max(4_000_000)
  .refine((given) => given.trim() !== '', 'words are needed')
const title = z.string().trim().min(1).max(300)
const tags = z.array(z.string().trim().min(1).max(100)).max(100)
/** A day or a moment. */
const moment = z
  .string()
  .max(40)
  .refine((given) => !Number.isNaN(Date.parse(given)), 'a date such as 2026-11-23 is needed')
  .transform((given) => new Date(given).toISOString())

export const NewNoteBody = z.strictObject({
  text: text.describe('What to keep, in Markdown.'),
  title: title.nullable().default(null).describe('Null: its first line.'),
  kind: NoteKind.default('fact').describe('A preference is always given to agents, not only when it is looked for.'),
  scope: room.default('global').describe(`Where it holds: ${ROOM_WORDS}.`),
  pinned: z.boolean().default(false).describe('Always given, like a preference.'),
  subject: z.string().trim().min(1).max(200).nullable().default(null).describe('What it is about.'),
  attribute: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .nullable()
    .default(null)
    .describe('What of it: a new note about the same subject and attribute takes the place of the old one.'),
  observed: moment.nullable().default(null).describe('When it was so.'),
  tags: tags.default([]),
  fetchedFrom: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .nullable()
    .default(null)
    .describe('Where the text was fetched; nobody vouches for it then, and it never becomes a preference.'),
})

export const ChangeNoteBody = z
  .strictObject({
    text: text.optional(),
    title: title.optional(),
    kind: NoteKind.optional(),
    scope: room.optional().describe(ROOM_WORDS),
    pinned: z.boolean().optional(),
    tags: tags.optional(),
    holds: z.literal(true).optional().describe('A note that was superseded holds again.'),
  })
  .refine((body) => Object.keys(body).length > 0, 'something to change is needed')

export const ReplaceNoteBody = z.strictObject({
  markdown: z.string().max(4_000_000).describe('The whole file, head and body.'),
  hash: z.string().min(1).max(100).describe('Of the text that was edited, as it was given.'),
})

export const RestoreNoteBody = z.strictObject({
  version: z
    .string()
    .regex(/^[0-9a-fA-F]{7,64}$/, 'seven or more digits of a version, from its history')
    .describe('A commit of its history, or the start of one.'),
})

const flag = z.enum(['true', 'false']).transform((given) => given === 'true')

export const NoteListQuery = z.strictObject({
  scope: room.optional().describe(`Only of this room: ${ROOM_WORDS}.`),
  kind: NoteKind.optional(),
  tag: z.string().min(1).max(100).optional(),
  past: flag.default(false).describe('Also those that hold no longer.'),
  limit: z.coerce.number().int().min(1).max(LISTED_MAX).default(50).describe('The newest so many.'),
})

export const RecallBody = z.strictObject({
  question: text.describe('What you want to know; words in quotation marks are found as written.'),
  scopes: z
    .array(room)
    .min(1)
    .max(50)
    .default(['all'])
    .describe(`Rooms that may answer: ${ROOM_WORDS}; \`all\`: every one.`),
  kinds: z.array(NoteKind).min(1).optional(),
  limit: z.int().min(1).max(200).default(8).describe('Passages at most.'),
  tokensMax: z.int().min(50).max(1_000_000).default(4_000).describe('Tokens that the passages may take together.'),
})

export const ImportBody = z.strictObject({
  from: z
    .string()
    .min(1)
    .max(4096)
    .describe(
      'An absolute path: a folder of Markdown, `~/.claude`, `~/.codex`, or the folder of an export of ChatGPT or Claude.',
    ),
  scope: room.default('global').describe(`Where the notes hold: ${ROOM_WORDS}.`),
  write: z.boolean().default(false).describe('False: only says what would be added.'),
})

const noteSchema: z.ZodType<Note> = NoteHead.extend({ body: z.string(), path: z.string() })

const summary: z.ZodType<NoteSummary> = z.object({
  id: NoteHead.shape.id,
  path: z.string(),
  title: z.string(),
  kind: NoteKind,
  scope: NoteHead.shape.scope,
  source: NoteSource,
  created: z.string().nullable(),
  observed: z.string().nullable(),
  past: z.boolean(),
  supersededBy: z.string().nullable(),
  pinned: z.boolean(),
  subject: z.string().nullable(),
  attribute: z.string().nullable(),
  tags: z.array(z.string()),
  problem: z.string().nullable(),
}) as never

const rooms = z.record(z.string(), z.string()).describe('What a person calls each scope.')

export const RememberedSchema: z.ZodType<Remembered> = z.object({
  outcome: z.enum(['added', 'merged', 'known']),
  note: noteSchema,
  superseded: z.array(NoteHead.shape.id),
  warnings: z.array(z.string()),
})
export const NoteListSchema = z.object({ notes: z.array(summary), rooms })
export const NoteSchema = z.object({
  note: noteSchema,
  markdown: z.string().describe('The whole file, head and body.'),
  hash: z.string(),
  file: z.string(),
  room: z.string().describe('What a person calls its scope.'),
})
const version: z.ZodType<NoteVersion> = z.object({
  commit: z.string(),
  at: z.string(),
  message: z.string(),
  path: z.string(),
})
export const HistoryOfNoteSchema = z.object({ versions: z.array(version) })

const passage: z.ZodType<RecalledPassage> = z.object({
  noteId: NoteHead.shape.id,
  path: z.string(),
  anchor: z.string(),
  title: z.string(),
  heading: z.string(),
  speaker: z.string(),
  at: z.string().nullable(),
  scope: NoteHead.shape.scope,
  kind: NoteKind,
  source: NoteSource,
  superseded: z.boolean(),
  supersededBy: z.string().nullable(),
  trusted: z.boolean(),
  text: z.string(),
  score: z.number(),
  parts: z.record(z.string(), z.number()).describe('What the score is made of.'),
})
export const RecalledSchema: z.ZodType<Recalled & { rooms: Record<string, string> }> = z.object({
  passages: z.array(passage),
  abstained: z.string().nullable().describe('Why there are none.'),
  how: z.string().describe('`words and vectors`, or why it was words alone.'),
  more: z.int(),
  rooms,
})

const selfTest: z.ZodType<SelfTest> = z.object({
  at: z.string(),
  passed: z.boolean(),
  problems: z.array(z.string()),
  repaired: z.boolean(),
})
const status: z.ZodType<MemoryStatus> = z.object({
  notes: z.int(),
  skipped: z.array(z.object({ path: z.string(), reason: z.string() })),
  passages: z.int(),
  vectors: z.int(),
  behind: z.object({ words: z.int(), vectors: z.int() }),
  index: z.enum(['lance', 'sqlite']),
  embeddings: z.string(),
  diskBytes: z.int(),
  alarms: z.array(z.string()),
  folder: z.string(),
  lastSelfTest: selfTest.nullable(),
})
const held: z.ZodType<Held> = z.object({
  scope: NoteHead.shape.scope,
  kind: NoteKind,
  notes: z.int(),
  past: z.int(),
})
export const MemorySchema = z.object({ status, holds: z.array(held), rooms })
export const ModelSchema: z.ZodType<{ words: string; fetching: Fetching | null }> = z.object({
  words: z.string().describe('What notes are searched by.'),
  fetching: z
    .object({ file: z.string(), done: z.int(), total: z.int().nullable() })
    .nullable()
    .describe('The file that comes over the network just now, in bytes.'),
})
export interface Fetching {
  file: string
  done: number
  total: number | null
}
export const LoadedModelSchema = z.object({ name: z.string(), dimensions: z.int() })
const finding: z.ZodType<Finding> = z.object({ kind: z.string(), path: z.string(), detail: z.string() }) as never
export const AuditSchema = z.object({ findings: z.array(finding) })
export const SelfTestSchema = selfTest
const skipped = z.array(z.object({ name: z.string(), reason: z.string() }))
const preview: z.ZodType<ImportPreview> = z.object({
  kind: z.string(),
  add: z.array(z.object({ title: z.string(), kind: NoteKind, bytes: z.int() })),
  known: z.int(),
  skipped,
})
const imported: z.ZodType<ImportResult> = z.object({ kind: z.string(), added: z.int(), known: z.int(), skipped })
export const ImportSchema = z.object({ preview: preview.nullable(), imported: imported.nullable() })
