/** The conversation over HTTP: what is said goes there, and everything that comes of it comes back by one stream. */
import { randomUUID } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { ShownMessage } from '../../daemon/http/chat.ts'
import { type Client, type Locate, request } from '../client.ts'
import { readFrames } from '../events.ts'
import { usage } from '../exit.ts'
import { oneLine } from '../text.ts'

export interface ChatFile {
  name: string
  mime: string
  /** Base64. */
  data: string
}

export type Heard =
  | { type: 'ready' }
  /** What a brain has said so far. */
  | { type: 'partial'; text: string }
  /** A message of Claw's; the same id again is an edit. */
  | { type: 'message'; message: ShownMessage }
  /** Everything that answers this one has been heard. */
  | { type: 'settled'; id: string }

export interface HistoryTurn {
  at: number
  who: 'person' | 'claw'
  by: string
  text: string
}

const FILE_BYTES_MAX = 20 * 1024 * 1024
const MIMES: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.txt': 'text/plain',
  '.log': 'text/plain',
  '.json': 'application/json',
  '.csv': 'text/csv',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.pdf': 'application/pdf',
  '.html': 'text/html',
}

/** Throws input_invalid that names the file. */
export function readChatFile(cwd: string, path: string): ChatFile {
  const file = resolve(cwd, path)
  let data: Buffer
  try {
    if (!statSync(file).isFile()) throw usage(`${oneLine(path)} is no file`)
    if (statSync(file).size > FILE_BYTES_MAX) throw usage(`${oneLine(path)} is larger than 20 MB`)
    data = readFileSync(file)
  } catch (error) {
    if (error instanceof Fault) throw error
    throw usage(`${oneLine(path)} cannot be read: ${(error as Error).message}`)
  }
  const mime = MIMES[extname(file).toLowerCase()] ?? 'application/octet-stream'
  return { name: basename(file), mime, data: data.toString('base64') }
}

export async function* hear(locate: Locate, signal: AbortSignal): AsyncGenerator<Heard> {
  const response = await request(locate, '/v1/chat/stream', { headers: { accept: 'text/event-stream' }, signal })
  for await (const { event, data } of readFrames(response.body!)) {
    const read = JSON.parse(data) as Record<string, unknown>
    if (event === 'ready') yield { type: 'ready' }
    else if (event === 'partial') yield { type: 'partial', text: String(read['text']) }
    else if (event === 'message') yield { type: 'message', message: read as unknown as ShownMessage }
    else if (event === 'settled') yield { type: 'settled', id: String(read['id']) }
  }
}

/** Answers the id by which its answer is known. Once it returns, the message is kept. */
export async function say(client: Client, text: string, files: readonly ChatFile[]): Promise<string> {
  const json = { text, id: randomUUID(), files: [...files] }
  return ((await (await client.v1.chat.$post({ json })).json()) as { id: string }).id
}

export async function press(client: Client, message: string, data: string): Promise<void> {
  await client.v1.chat.press.$post({ json: { message, data } })
}

export async function historyOf(client: Client, limit: number): Promise<HistoryTurn[]> {
  const response = await client.v1.chat.$get({ query: { limit: String(limit) } } as never)
  return ((await response.json()) as { turns: HistoryTurn[] }).turns
}
