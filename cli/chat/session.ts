/**
 * The conversation on a terminal: lines go out as messages, what Claw says comes in between, words of a model as they
 * come. What begins with a slash is a command, most of them the daemon's; a pasted path of a file goes along as one.
 */
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { ShownMessage } from '../../daemon/http/chat.ts'
import type { Client, Locate } from '../client.ts'
import { isDown } from '../daemon.ts'
import type { Surface } from '../surface.ts'
import { oneLine } from '../text.ts'
import { editLine, messageLines, turnLines } from './lines.ts'
import { type ChatFile, type Heard, hear, historyOf, press, readChatFile, say } from './talk.ts'

/** Lines that come together, as a paste does, are one message. */
const PASTE_MS = 40
const HISTORY_SHOWN = 10
const HISTORY_KEPT = 200
const AGAIN_MS = 500

export interface SessionDeps {
  surface: Surface
  client: Client
  locate: Locate
}

export async function converse({ surface, client, locate }: SessionDeps): Promise<void> {
  const { stdin, stdout, paint, signal } = surface
  const past = await historyOf(client, HISTORY_KEPT)
  for (const turn of past.slice(-HISTORY_SHOWN)) for (const line of turnLines(turn, paint)) surface.print(line)
  surface.print(paint('gray', 'Say what you want. /help lists commands, /file PATH sends a file along, /quit leaves.'))

  const reader = createInterface({
    input: stdin,
    output: stdout,
    prompt: paint('cyan', '› '),
    history: past.flatMap(({ who, text }) => (who === 'person' ? [text.split('\n')[0]!] : [])).reverse(),
    removeHistoryDuplicates: true,
  })
  const ended = new AbortController()
  const over = AbortSignal.any([signal, ended.signal])
  let isClosed = false
  const prompt = () => {
    if (!isClosed) reader.prompt(true)
  }
  reader.once('close', () => {
    isClosed = true
  })
  const screen = createScreen(surface, prompt)
  let files: ChatFile[] = []
  let pasted: string[] = []
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<void> = Promise.resolve()

  async function take(text: string): Promise<void> {
    if (/^\/(quit|exit|q)$/.test(text)) {
      reader.close()
      return
    }
    if (text === '/history') {
      for (const turn of await historyOf(client, HISTORY_KEPT)) screen.print(turnLines(turn, paint))
      return
    }
    const number = /^\/([1-9])$/.exec(text)?.[1]
    if (number) {
      await choose(Number(number))
      return
    }
    const named = /^\/file\s+(.+)$/.exec(text)?.[1]
    const paths = named ? [unquoted(named)] : pastedFiles(surface.cwd, text)
    if (paths.length > 0) {
      files = [...files, ...paths.map((path) => readChatFile(surface.cwd, path))]
      return screen.print([
        paint('gray', `with the next message: ${files.map(({ name }) => oneLine(name)).join(', ')}`),
      ])
    }
    const taken = files
    files = []
    await say(client, text, taken)
  }

  async function choose(number: number): Promise<void> {
    const asked = screen.lastWithButtons()
    const button = asked?.buttons.flat()[number - 1]
    if (asked && button) await press(client, asked.message, button.data)
    else screen.print([paint('gray', 'There is no such choice.')])
  }

  function sendSoon(line: string): void {
    pasted.push(line)
    clearTimeout(timer)
    timer = setTimeout(flush, PASTE_MS)
  }

  function flush(): void {
    clearTimeout(timer)
    const text = pasted.join('\n').trim()
    pasted = []
    if (text === '') {
      prompt()
      return
    }
    sending = sending
      .then(() => take(text))
      .catch((error) => screen.print([paint('red', oneLine(error instanceof Error ? error.message : String(error)))]))
      .then(prompt)
  }

  reader.on('line', sendSoon)
  signal.addEventListener('abort', () => reader.close(), { once: true })
  const listening = listen(locate, over, screen)
  prompt()
  await once(reader, 'close')
  flush()
  await sending
  ended.abort()
  await listening
}

/** Goes on after the daemon was away. */
async function listen(locate: Locate, signal: AbortSignal, screen: Screen): Promise<void> {
  let isAway = false
  while (!signal.aborted) {
    try {
      for await (const heard of hear(locate, signal)) {
        if (isAway) screen.print(['(the daemon is back)'])
        isAway = false
        screen.show(heard)
      }
    } catch (error) {
      if (signal.aborted) return
      if (!isDown(error) && !(error instanceof TypeError)) throw error
    }
    if (signal.aborted) return
    if (!isAway) screen.print(['(the daemon is away; waiting for it)'])
    isAway = true
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

interface Screen {
  show(heard: Heard): void
  print(lines: readonly string[]): void
  lastWithButtons(): ShownMessage | undefined
}

/** Keeps what is printed apart from the line that is being typed. */
export function createScreen({ stdout, paint }: Pick<Surface, 'stdout' | 'paint'>, prompt: () => void): Screen {
  const versions = new Map<number, number>()
  let lastAsked: ShownMessage | undefined
  /** What of a model's words stands on the screen. */
  let shown = ''

  const clear = () => void stdout.write('\r\x1b[2K')
  function print(lines: readonly string[]): void {
    clear()
    stdout.write(`${lines.join('\n')}\n`)
    prompt()
  }

  function partial(text: string): void {
    if (text.length <= shown.length && shown.startsWith(text)) return
    if (shown === '') clear()
    else if (!text.startsWith(shown)) {
      stdout.write('\n')
      shown = ''
    }
    stdout.write(text.slice(shown.length).replaceAll('\x1b', ''))
    shown = text
  }

  function message(heard: ShownMessage): void {
    const before = versions.get(heard.id)
    versions.set(heard.id, heard.version)
    if (heard.buttons.length > 0) lastAsked = heard
    else if (lastAsked?.id === heard.id) lastAsked = undefined
    if (before !== undefined) {
      print([editLine(heard, paint)])
      return
    }
    const isHalf = shown !== '' && heard.answers !== null && heard.text.startsWith(shown)
    if (shown !== '' && !isHalf) stdout.write('\n')
    if (isHalf) stdout.write(`${heard.text.slice(shown.length).replaceAll('\x1b', '')}\n`)
    shown = ''
    if (!isHalf) {
      print(messageLines(heard, paint))
      return
    }
    const rest = messageLines({ ...heard, text: '' }, paint).filter((line) => line !== '')
    if (rest.length > 0) print(rest)
    else prompt()
  }

  return {
    show(heard) {
      if (heard.type === 'partial') partial(heard.text)
      else if (heard.type === 'message') message(heard.message)
    },
    print,
    lastWithButtons: () => lastAsked,
  }
}

/** A line of nothing but paths of files that are there, as terminals paste them: quoted, escaped, or as a URL. */
export function pastedFiles(cwd: string, text: string): string[] {
  if (!/^["'~/.]|^file:\/\//.test(text) || text.includes('\n')) return []
  const words = text.match(/"[^"]+"|'[^']+'|(?:\\.|\S)+/g) ?? []
  const paths = words.map(unquoted)
  const isFile = (path: string) => existsSync(resolve(cwd, path)) && statSync(resolve(cwd, path)).isFile()
  return paths.every(isFile) ? paths : []
}

function unquoted(word: string): string {
  const plain = /^(["']).*\1$/.test(word) ? word.slice(1, -1) : word.replaceAll(/\\(.)/g, '$1')
  if (plain.startsWith('file://')) return decodeURIComponent(plain.slice(7))
  return plain.startsWith('~/') ? `${homedir()}${plain.slice(1)}` : plain
}
