/** An ask as a message: the question, what is needed to decide, and its choices as buttons or as words. Pure. */
import type { Ask } from '../../core/ask.ts'
import { manyLines, oneLine } from '../../core/plain-text.ts'
import type { Button, Capabilities } from '../channels/channel.ts'

const DETAIL_MAX = 1_800
const LABEL_MAX = 40

/** What a button of an ask says when it is pressed: at most 64 bytes everywhere. */
export function askData(number: number, choice: string): string {
  return `a:${number}:${choice}`
}

export function readData(
  data: string,
): { ask: string; choice: string } | { proposal: number; isYes: boolean } | undefined {
  const ask = /^a:(\d+):(\S+)$/.exec(data)
  if (ask) return { ask: ask[1]!, choice: ask[2]! }
  const proposal = /^p:(\d+):([yn])$/.exec(data)
  if (proposal) return { proposal: Number(proposal[1]), isYes: proposal[2] === 'y' }
  return undefined
}

export function askText(ask: Ask, goalNumber: number, able: Pick<Capabilities, 'buttons' | 'reactions'>): string {
  const lines = [`**? ${ask.number}** · goal #${goalNumber}`, oneLine(ask.question)]
  const detail = manyLines(ask.detail).trim()
  if (detail !== '' && detail !== ask.question) lines.push('', clip(detail))
  const ways = waysOf(ask, able)
  if (ways !== '') lines.push('', ways)
  return lines.join('\n')
}

function waysOf(ask: Ask, able: Pick<Capabilities, 'buttons' | 'reactions'>): string {
  const lines: string[] = []
  if (!able.buttons && ask.choices.length > 0) {
    lines.push(...ask.choices.map(({ id, label }, n) => `${n + 1}. ${oneLine(label)}: \`!answer ${ask.number} ${id}\``))
    if (able.reactions) lines.push('Or react with 👍, 👎 or the number.')
    else lines.push(`Short: \`!yes ${ask.number}\`, \`!no ${ask.number} why\``)
  }
  if (ask.freeText) {
    lines.push(ask.choices.length === 0 ? 'Answer to this message in words.' : 'Words too: answer to this message.')
  }
  return lines.join('\n')
}

export function askButtons(ask: Ask): Button[][] {
  return ask.choices.map(({ id, label }) => [
    { label: clipTo(oneLine(label), LABEL_MAX), data: askData(ask.number, id) },
  ])
}

/** The same message once it is settled: by whom and how, and no buttons. */
export function settledText(ask: Ask, goalNumber: number): string {
  const head = `**? ${ask.number}** · goal #${goalNumber}\n${oneLine(ask.question)}`
  if (ask.state === 'moot') return `${head}\n\n_Needs no answer any more._`
  const choice = ask.choices.find(({ id }) => id === ask.answer?.choice)
  const said = [choice?.label ?? ask.answer?.choice, ask.answer?.text && `“${clipTo(oneLine(ask.answer.text), 200)}”`]
  return `${head}\n\n✔ ${said.filter(Boolean).join(' ')} (by ${ask.answer?.by ?? '?'})`
}

function clip(text: string): string {
  return text.length <= DETAIL_MAX ? text : `${text.slice(0, DETAIL_MAX)}\n… (more: /plan, /diff, \`claw inbox\`)`
}

function clipTo(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`
}
