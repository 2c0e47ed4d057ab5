/** Messages as lines of a terminal. Pure. */
import type { ShownMessage } from '../../daemon/http/chat.ts'
import { manyLines, oneLine, type Paint } from '../text.ts'
import type { HistoryTurn } from './talk.ts'

/** A message of Claw's, with its choices numbered: `/1` takes the first. */
export function messageLines({ text, buttons, file }: ShownMessage, paint: Paint): string[] {
  const lines = marked(manyLines(text), paint).split('\n')
  const choices = buttons.flat().map(({ label }, n) => `${paint('cyan', `/${n + 1}`)} ${oneLine(label)}`)
  if (choices.length > 0) lines.push(choices.join('   '))
  if (file) lines.push(paint('gray', file.path ? `file: ${oneLine(file.path)}` : `file: ${oneLine(file.name)}`))
  return lines
}

/** What changed in a message that was shown before: its first line and, where there is one, its last. */
export function editLine({ text }: ShownMessage, paint: Paint): string {
  const lines = manyLines(text)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const words = lines.length > 2 ? [lines[0], lines[1]] : lines
  return paint('gray', `↻ ${oneLine(words.join(' · ')).replaceAll('**', '')}`)
}

export function turnLines({ at, who, by, text }: HistoryTurn, paint: Paint): string[] {
  const time = new Date(at).toISOString().slice(11, 16)
  const [first = '', ...rest] = marked(manyLines(text), paint).split('\n')
  const name = who === 'claw' ? paint('green', 'claw') : paint('cyan', oneLine(by))
  return [`${paint('gray', time)} ${name}: ${first}`, ...rest.map((line) => `      ${line}`)]
}

/** Bold, and nothing else: the rest of Markdown reads well as it is. */
function marked(text: string, paint: Paint): string {
  return text.replace(/\*\*([^*\n]+)\*\*/g, (_, bold: string) => paint('bold', bold))
}
