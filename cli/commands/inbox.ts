import type { Ask } from '../../core/ask.ts'
import { nearest } from '../../core/fault.ts'
import { connect } from '../daemon.ts'
import { EXIT, usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { ago, manyLines, oneLine } from '../text.ts'
import { prompt, readAll } from './stdin.ts'

export async function inbox(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: true })
  const { asks } = (await (await client.v1.inbox.$get()).json()) as { asks: Ask[] }
  if (surface.isJson) return surface.printJson(asks)
  if (asks.length === 0) return surface.say('Nothing waits for you.')
  for (const [index, ask] of asks.entries()) {
    if (index > 0) surface.print('')
    surface.print(askLines(surface, ask).join('\n'))
    if (ask.detail.trim() !== '') surface.print(indent(manyLines(ask.detail).trimEnd()))
  }
}

/** The question and how to answer it. */
export function askLines({ paint, now }: Surface, ask: Ask): string[] {
  const how = [...ask.choices.map(({ id }) => oneLine(id)), ...(ask.freeText ? ['--text "…"'] : [])].join(' | ')
  return [
    `${paint('yellow', `? ${ask.number}`)}  ${oneLine(ask.question)} ${paint('gray', `(${ask.kind}, ${ago(ask.createdAt, now())})`)}`,
    paint('gray', `   claw answer ${ask.number} ${how}`),
  ]
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `   ${line}`))
    .join('\n')
}

export async function answer(
  surface: Surface,
  name: string,
  choice: string | undefined,
  options: { text?: string },
): Promise<number> {
  const client = await connect(surface, { start: true })
  const ask = (await (await client.v1.inbox[':ask'].$get({ param: { ask: name } })).json()) as Ask
  let text = options.text === '-' ? (await readAll(surface)).trim() : (options.text?.trim() ?? null)
  let chosen = choice ?? null
  if (chosen === null && !text) {
    if (!surface.canAsk) throw usage(`Ask ${ask.number} needs an answer: ${choiceWords(ask)}`)
    const given = await askOwner(surface, ask)
    chosen = given.choice
    text = given.text
  }
  if (chosen !== null) chosen = fitChoice(ask, chosen)
  const json = { choice: chosen, text: text === '' ? null : text }
  const answered = (await (await client.v1.inbox[':ask'].answer.$post({ param: { ask: name }, json })).json()) as Ask
  if (surface.isJson) surface.printJson(answered)
  else
    surface.print(
      `answered ${ask.number}: ${oneLine([answered.answer?.choice, answered.answer?.text].filter(Boolean).join(', '))}`,
    )
  return EXIT.ok
}

/** An id or the one id that begins so; else a usage fault with the nearest. */
function fitChoice(ask: Ask, typed: string): string {
  const ids = ask.choices.map(({ id }) => id)
  const fitting = ids.filter((id) => id === typed)
  const beginning = fitting.length > 0 ? fitting : ids.filter((id) => id.startsWith(typed))
  if (beginning.length === 1) return beginning[0]!
  if (ids.length === 0) throw usage(`Ask ${ask.number} has no choices; answer it in words: --text "${oneLine(typed)}"`)
  const near = nearest(typed, ids)
  throw usage(
    `"${oneLine(typed)}" is no choice of ask ${ask.number}; ${near ? `did you mean "${near}"? ` : ''}${choiceWords(ask)}`,
  )
}

function choiceWords(ask: Ask): string {
  const ways = [...ask.choices.map(({ id }) => oneLine(id)), ...(ask.freeText ? ['--text "…"'] : [])]
  return `choose from ${ways.join(', ')}`
}

async function askOwner(surface: Surface, ask: Ask): Promise<{ choice: string | null; text: string | null }> {
  surface.print(oneLine(ask.question))
  if (ask.detail.trim() !== '') surface.print(indent(manyLines(ask.detail).trimEnd()))
  for (const [index, { id, label }] of ask.choices.entries()) {
    surface.print(`  ${index + 1}. ${oneLine(id)}: ${oneLine(label)}`)
  }
  const given = await prompt(surface, ask.freeText ? 'Number, choice or your words: ' : 'Number or choice: ')
  if (given === '') throw usage('No answer was given; the ask stays open')
  const byNumber = /^\d+$/.test(given) ? ask.choices[Number(given) - 1] : undefined
  if (byNumber) return { choice: byNumber.id, text: null }
  const isChoice = ask.choices.some(({ id }) => id.startsWith(given))
  return isChoice || !ask.freeText ? { choice: given, text: null } : { choice: null, text: given }
}
