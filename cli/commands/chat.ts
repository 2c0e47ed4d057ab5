import type { ShownMessage } from '../../daemon/http/chat.ts'
import { turnLines } from '../chat/lines.ts'
import { type ChatFile, hear, historyOf, readChatFile, say } from '../chat/talk.ts'
import type { Client, Locate } from '../client.ts'
import { connect, locateIn } from '../daemon.ts'
import { usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { manyLines } from '../text.ts'
import { readAll } from './stdin.ts'

export interface ChatOptions {
  file?: string[]
  history?: number | true
}

const HISTORY = 20

export async function chat(surface: Surface, text: string | undefined, options: ChatOptions): Promise<void> {
  const files = (options.file ?? []).map((path) => readChatFile(surface.cwd, path))
  const client = await connect(surface, { start: true })
  const locate = locateIn(surface.paths)
  if (options.history !== undefined) {
    return printHistory(surface, client, options.history === true ? HISTORY : options.history)
  }
  const isPiped = text === '-' || (text === undefined && files.length === 0 && !surface.stdin.isTTY)
  const words = isPiped ? (await readAll(surface)).trim() : text
  if (words === undefined && files.length === 0) {
    if (!surface.canAsk) throw usage('There is nobody to talk with here; say something: claw chat "…"')
    return (await import('../chat/session.ts')).converse({ surface, client, locate })
  }
  if (words === '' && files.length === 0) throw usage('There is nothing to say')
  await once(surface, client, locate, words ?? '', files)
}

async function printHistory(surface: Surface, client: Client, limit: number): Promise<void> {
  const turns = await historyOf(client, limit)
  if (surface.isJson) return surface.printJson(turns)
  if (turns.length === 0) return surface.say('Nothing was said yet.')
  for (const turn of turns) for (const line of turnLines(turn, surface.paint)) surface.print(line)
}

/** Says one thing and prints what answers it; with --json, each message of the answer as an object. */
async function once(
  surface: Surface,
  client: Client,
  locate: Locate,
  text: string,
  files: readonly ChatFile[],
): Promise<void> {
  const ended = new AbortController()
  const signal = AbortSignal.any([surface.signal, ended.signal])
  let id: string | undefined
  let streamed = ''
  const isLive = !surface.isJson && surface.stdout.isTTY === true
  for await (const heard of hear(locate, signal)) {
    if (heard.type === 'ready') id = await say(client, text, files)
    if (heard.type === 'partial' && isLive && heard.text.startsWith(streamed)) {
      surface.stdout.write(manyLines(heard.text.slice(streamed.length)))
      streamed = heard.text
    }
    if (heard.type === 'message' && isAnswer(heard.message, id)) {
      const { text: answer, buttons, file } = heard.message
      if (surface.isJson) surface.printJson({ text: answer, buttons: buttons.flat(), file })
      else if (streamed !== '' && answer.startsWith(streamed)) surface.print(manyLines(answer.slice(streamed.length)))
      else {
        surface.print(`${streamed === '' ? '' : '\n'}${manyLines(answer)}`)
        if (file?.text) surface.print(manyLines(file.text))
        if (file?.path) surface.print(`file: ${file.path}`)
        const number = /^proposal:(\d+)$/.exec(heard.message.message)?.[1]
        if (number && buttons.length > 0) surface.print(`claw chat "/do ${number}"   claw chat "/drop ${number}"`)
      }
      streamed = ''
    }
    if (heard.type === 'settled' && heard.id === id) break
  }
  ended.abort()
}

/** What waits for a yes belongs to the answer that led to it. */
function isAnswer({ answers, message }: ShownMessage, id: string | undefined): boolean {
  return id !== undefined && (answers === id || message.startsWith('proposal:'))
}
