import { readFile, stat } from 'node:fs/promises'
import { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import { writeTurn } from '../chunk.ts'
import { NOTE_BYTES_MAX } from '../notes/notes-folder.ts'
import type { Imported, ImportSource } from './import.ts'

/**
 * `conversations.json` as ChatGPT and Claude export it: each conversation becomes a note
 * with one turn for each message, in the order they were said.
 */
const EXPORT_BYTES_MAX = 512 * 1024 * 1024
/** Leaves room for the head below the largest note. */
const PART_BYTES_MAX = NOTE_BYTES_MAX / 4

const ClaudeConversation = z.object({
  uuid: z.string(),
  name: z.string().nullish(),
  created_at: z.string().nullish(),
  chat_messages: z.array(
    z.object({
      sender: z.string(),
      text: z.string().nullish(),
      created_at: z.string().nullish(),
      content: z.array(z.object({ type: z.string().nullish(), text: z.string().nullish() })).nullish(),
    }),
  ),
})

const GptNode = z.object({
  parent: z.string().nullish(),
  message: z
    .object({
      author: z.object({ role: z.string() }),
      create_time: z.number().nullish(),
      content: z.object({ content_type: z.string().nullish(), parts: z.array(z.unknown()).nullish() }).nullish(),
    })
    .nullish(),
})
const GptConversation = z.object({
  id: z.string().nullish(),
  conversation_id: z.string().nullish(),
  title: z.string().nullish(),
  create_time: z.number().nullish(),
  current_node: z.string().nullish(),
  mapping: z.record(z.string(), GptNode),
})

interface Conversation {
  id: string
  title: string
  at: string | null
  turns: { speaker: string; at: string | null; text: string }[]
}

export async function readChatExport(file: string): Promise<ImportSource> {
  const { size } = await stat(file)
  if (size > EXPORT_BYTES_MAX) throw new Fault('input_invalid', `${file} is larger than ${EXPORT_BYTES_MAX} bytes`)
  let given: unknown
  try {
    given = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new Fault('input_invalid', `${file} is not JSON`, { cause })
  }
  if (!Array.isArray(given)) throw new Fault('input_invalid', `${file} is not a list of conversations`)
  const skipped: ImportSource['skipped'] = []
  const items: Imported[] = []
  const kinds = new Set<string>()
  for (const [i, one] of given.entries()) {
    const read = readConversation(one)
    if (!read) {
      skipped.push({ name: `conversation ${i + 1}`, reason: 'in a form that is not known' })
      continue
    }
    kinds.add(read.kind)
    if (read.conversation.turns.length === 0)
      skipped.push({ name: read.conversation.title, reason: 'nothing was said' })
    else items.push(...toNotes(read.kind, read.conversation))
  }
  return { kind: [...kinds].join(' and ') || 'conversations', items, skipped }
}

function readConversation(given: unknown): { kind: string; conversation: Conversation } | undefined {
  const claude = ClaudeConversation.safeParse(given)
  if (claude.success) {
    const { uuid, name, created_at, chat_messages } = claude.data
    const turns = chat_messages.map((message) => ({
      speaker: message.sender === 'human' ? 'me' : 'Claude',
      at: message.created_at ?? null,
      text: (message.text || (message.content ?? []).map((part) => part.text ?? '').join('\n')).trim(),
    }))
    return {
      kind: 'claude-export',
      conversation: {
        id: uuid,
        title: name || 'Conversation',
        at: created_at ?? null,
        turns: turns.filter(({ text }) => text),
      },
    }
  }
  const gpt = GptConversation.safeParse(given)
  if (!gpt.success) return undefined
  const { id, conversation_id, title, create_time, current_node, mapping } = gpt.data
  return {
    kind: 'chatgpt-export',
    conversation: {
      id: conversation_id ?? id ?? title ?? '',
      title: title || 'Conversation',
      at: iso(create_time),
      turns: branch(mapping, current_node ?? lastNode(mapping)),
    },
  }
}

/** Of a tree of edits and retries, the branch that was read last. */
function branch(mapping: Record<string, z.infer<typeof GptNode>>, leaf: string | undefined): Conversation['turns'] {
  const turns: Conversation['turns'] = []
  const seen = new Set<string>()
  for (let at = leaf; at && !seen.has(at); at = mapping[at]?.parent ?? undefined) {
    seen.add(at)
    const message = mapping[at]?.message
    if (!message || (message.author.role !== 'user' && message.author.role !== 'assistant')) continue
    const text = (message.content?.parts ?? [])
      .filter((part) => typeof part === 'string')
      .join('\n')
      .trim()
    if (text)
      turns.push({ speaker: message.author.role === 'user' ? 'me' : 'ChatGPT', at: iso(message.create_time), text })
  }
  return turns.reverse()
}

function lastNode(mapping: Record<string, z.infer<typeof GptNode>>): string | undefined {
  const parents = new Set(Object.values(mapping).map((node) => node.parent))
  return Object.keys(mapping).findLast((id) => !parents.has(id))
}

function toNotes(kind: string, { id, title, at, turns }: Conversation): Imported[] {
  const parts: string[][] = [[]]
  let bytes = 0
  for (const [i, turn] of turns.entries()) {
    const text = writeTurn({ ...turn, at: turn.at, anchor: `t${i + 1}` })
    if (bytes > 0 && bytes + Buffer.byteLength(text) > PART_BYTES_MAX) {
      parts.push([])
      bytes = 0
    }
    bytes += Buffer.byteLength(text)
    parts.at(-1)!.push(text)
  }
  return parts.map(
    (texts, i): Imported => ({
      origin: `${kind} ${id} ${i} ${texts.length}`,
      draft: {
        text: texts.join('\n'),
        title: parts.length > 1 ? `${title} (${i + 1} of ${parts.length})` : title,
        kind: 'episode',
        format: 'conversation',
        tags: [kind],
        ...(at ? { observed: at } : {}),
      },
    }),
  )
}

function iso(seconds: number | null | undefined): string | null {
  return seconds ? new Date(seconds * 1000).toISOString() : null
}
