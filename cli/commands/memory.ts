import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { countOf } from '../../core/count.ts'
import type {
  Fetching,
  Finding,
  Held,
  ImportPreview,
  ImportResult,
  MemoryStatus,
  SelfTest,
} from '../../daemon/http/memory-shapes.ts'
import type { Client } from '../client.ts'
import { connect } from '../daemon.ts'
import { EXIT } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { ago, bytes, clip, oneLine, pad } from '../text.ts'
import { roomWord } from './note.ts'
import { prompt } from './stdin.ts'

const SHOWN_MAX = 10
const POLL_MS = 250
const BAR_WIDTH = 24

interface MemoryView {
  status: MemoryStatus
  holds: Held[]
  rooms: Record<string, string>
}

/** What the memory holds, by where it holds and what it is. */
export async function holds(surface: Surface): Promise<void> {
  const view = await fetchMemory(surface)
  if (surface.isJson) return surface.printJson(view)
  const { status, rooms } = view
  if (status.notes === 0) return surface.say(`No notes yet in ${status.folder}. Keep one: claw note add "…"`)
  surface.print(`${countOf(status.notes, 'note')} in ${status.folder}`)
  for (const [scope, room] of Object.entries(rooms)) {
    const kinds = view.holds.filter((one) => one.scope === scope)
    const words = kinds.map(({ kind, notes }) => countOf(notes, kind)).join(', ')
    const past = kinds.reduce((sum, one) => sum + one.past, 0)
    const old = past > 0 ? surface.paint('gray', ` (${past} of them no longer hold)`) : ''
    surface.print(`  ${surface.paint('cyan', pad(oneLine(room), 32))} ${words}${old}`)
  }
  if (status.skipped.length > 0)
    surface.say(`${countOf(status.skipped.length, 'file')} cannot be read: claw memory status`)
}

export async function status(surface: Surface): Promise<void> {
  const view = await fetchMemory(surface)
  if (surface.isJson) return surface.printJson(view.status)
  const { status } = view
  const fact = (what: string, words: string) =>
    surface.print(`${surface.paint('gray', pad(what, 11))}${oneLine(words)}`)
  const isWordsAlone = status.embeddings.startsWith('none: ')
  fact('notes', `${status.notes} in ${status.folder}`)
  fact(
    'index',
    `${countOf(status.passages, 'passage')} in ${status.index === 'lance' ? 'LanceDB' : 'SQLite'}, ${bytes(status.diskBytes)}`,
  )
  fact(
    'recall',
    isWordsAlone ? `by words alone: ${status.embeddings.slice(6)}` : `by words and by meaning: ${status.embeddings}`,
  )
  if (!isWordsAlone) fact('vectors', String(status.vectors))
  const behind = [
    status.behind.words > 0 ? `${countOf(status.behind.words, 'note')} to be taken up` : '',
    status.behind.vectors > 0 && !isWordsAlone ? `${countOf(status.behind.vectors, 'note')} without vectors` : '',
  ].filter(Boolean)
  if (behind.length > 0) fact('behind', behind.join(', '))
  fact('self-test', status.lastSelfTest ? testWords(status.lastSelfTest, surface.now()) : 'not yet since the start')
  for (const { path, reason } of status.skipped.slice(0, SHOWN_MAX)) fact('skipped', `${path}: ${reason}`)
  if (status.skipped.length > SHOWN_MAX) fact('', `and ${status.skipped.length - SHOWN_MAX} more: claw memory audit`)
  for (const alarm of status.alarms) surface.print(surface.paint('yellow', `! ${oneLine(alarm)}`))
  if (isWordsAlone) surface.say('claw memory fetch-model gets the model, once.')
}

function testWords(test: SelfTest, now: number): string {
  const when = ago(Date.parse(test.at), now)
  if (test.passed) return `passed, ${when}`
  return `${test.problems.join('; ')}${test.repaired ? ' — mended' : ''}, ${when}`
}

/** Exit code 1 when the index cannot be made whole. */
export async function reindex(surface: Surface): Promise<number> {
  const client = await connect(surface, { start: true })
  if (!surface.isJson) surface.say('Building the index anew; recall goes on meanwhile.')
  const test = (await (await client.v1.memory.reindex.$post({ json: {} })).json()) as SelfTest
  if (surface.isJson) surface.printJson(test)
  else surface.print(test.passed ? 'The index holds what the notes say.' : `Not whole: ${test.problems.join('; ')}`)
  return test.passed || test.repaired ? EXIT.ok : EXIT.failed
}

export async function audit(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: true })
  const { findings } = (await (await client.v1.memory.audit.$get()).json()) as { findings: Finding[] }
  if (surface.isJson) return surface.printJson(findings)
  if (findings.length === 0) return surface.print('Nothing that you need to look at.')
  for (const { path, detail } of findings) {
    surface.print(
      `${surface.paint('yellow', '!')} ${path === '' ? '' : `${surface.paint('cyan', oneLine(path))}: `}${oneLine(detail)}`,
    )
  }
}

/** Shows what would come in; writes it with --yes, or when that is agreed to. */
export async function importNotes(
  surface: Surface,
  given: string,
  options: { scope?: string; yes?: boolean },
): Promise<void> {
  const client = await connect(surface, { start: true })
  const json = { from: resolve(surface.cwd, given), scope: roomWord(surface, options.scope ?? 'global') }
  const ask = async (write: boolean) =>
    (await (await client.v1.memory.import.$post({ json: { ...json, write } })).json()) as {
      preview: ImportPreview | null
      imported: ImportResult | null
    }
  const isWanted = options.yes === true
  if (!isWanted || !surface.isJson) {
    const { preview } = await ask(false)
    if (surface.isJson) return surface.printJson(preview)
    for (const line of previewLines(surface, preview!)) surface.print(line)
    if (preview!.add.length === 0) return surface.say('Nothing is new.')
    if (!isWanted && !surface.canAsk) return surface.say('Nothing was written; --yes writes it.')
    if (!isWanted && !/^y(es)?$/i.test(await prompt(surface, 'Bring them in? [y/N] '))) {
      return surface.say('Nothing was written.')
    }
  }
  const { imported } = await ask(true)
  if (surface.isJson) return surface.printJson(imported)
  surface.print(`${countOf(imported!.added, 'note')} came in; ${imported!.known} were known.`)
}

const SOURCES: Record<string, string> = {
  markdown: 'a folder of Markdown',
  'claude-code': 'memory of Claude Code',
  codex: 'memory of Codex',
  'chatgpt-export': 'an export of ChatGPT',
  'claude-export': 'an export of Claude',
}

function previewLines({ paint, width }: Surface, { kind, add, known, skipped }: ImportPreview): string[] {
  const size = add.reduce((sum, one) => sum + one.bytes, 0)
  const more = (list: readonly unknown[]) => (list.length > SHOWN_MAX ? [`  and ${list.length - SHOWN_MAX} more`] : [])
  return [
    `${SOURCES[kind] ?? kind}: ${countOf(add.length, 'new note')} (${bytes(size)}), ${known} known already, ${skipped.length} left out`,
    ...add
      .slice(0, SHOWN_MAX)
      .map((one) => `  ${paint('green', '+')} ${pad(one.kind, 11)} ${clip(oneLine(one.title), width() - 16)}`),
    ...more(add),
    ...skipped
      .slice(0, SHOWN_MAX)
      .map(({ name, reason }) =>
        paint('gray', `  left out: ${clip(`${oneLine(name)}: ${oneLine(reason)}`, width() - 14)}`),
      ),
    ...more(skipped),
  ]
}

/** Fetches the model once, with a bar while it comes. */
export async function fetchModel(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: true })
  const done = new AbortController()
  const watching = surface.isJson ? Promise.resolve() : watchFetching(surface, client, done.signal)
  try {
    const model = (await (await client.v1.memory.model.$post({ json: {} })).json()) as {
      name: string
      dimensions: number
    }
    done.abort()
    await watching
    if (surface.isJson) return surface.printJson(model)
    surface.print(
      `${model.name} is here and gives ${model.dimensions} numbers a text; notes get theirs in the background.`,
    )
  } finally {
    done.abort()
    await watching
  }
}

/** On a terminal one line that is written over; elsewhere a line for each file. */
async function watchFetching(surface: Surface, client: Client, done: AbortSignal): Promise<void> {
  const isTerminal = process.stderr.isTTY === true
  let last = ''
  while (!done.aborted) {
    const { fetching } = (await (await client.v1.memory.model.$get()).json()) as { fetching: Fetching | null }
    if (fetching && isTerminal) process.stderr.write(`\r\x1b[K${bar(fetching)}`)
    else if (fetching && fetching.file !== last) surface.say(`fetching ${fetching.file}${sizeWords(fetching)}`)
    last = fetching?.file ?? last
    await sleep(POLL_MS, undefined, { signal: done }).catch(() => {})
  }
  if (isTerminal && last !== '') process.stderr.write('\r\x1b[K')
}

function bar({ file, done, total }: Fetching): string {
  const share = total ? Math.min(1, done / total) : 0
  const full = Math.round(share * BAR_WIDTH)
  const meter = total ? `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${Math.round(share * 100)} %` : ''
  return `${meter} ${bytes(done)}${total ? ` of ${bytes(total)}` : ''}  ${oneLine(file)}`
}

function sizeWords({ total }: Fetching): string {
  return total ? ` (${bytes(total)})` : ''
}

async function fetchMemory(surface: Surface): Promise<MemoryView> {
  const client = await connect(surface, { start: true })
  return (await (await client.v1.memory.$get()).json()) as MemoryView
}
