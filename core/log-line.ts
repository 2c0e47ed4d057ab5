import { styleText } from 'node:util'
import { manyLines, oneLine } from './plain-text.ts'

const COLORS = { debug: 'gray', info: 'cyan', warn: 'yellow', error: 'red' } as const

/** `09:14:03 warn run stopped, silent  taskId=task_7 silentMs=60000` */
export function toWords(line: string, isColor: boolean): string {
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(line)
  } catch {
    return line
  }
  const { level, time, msg, err, ...rest } = fields
  const clock = new Date(Number(time)).toTimeString().slice(0, 8)
  const name = String(level) as keyof typeof COLORS
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    isColor ? styleText(style, text, { validateStream: false }) : text
  const facts = Object.entries(rest)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? oneLine(value) : JSON.stringify(value)}`)
    .join(' ')
  const stack = typeof err === 'object' && err !== null ? (err as { stack?: string; message?: string }) : undefined
  const trouble = stack ? `\n${manyLines(stack.stack ?? stack.message ?? '')}` : ''
  const words = `${paint('gray', clock)} ${paint(COLORS[name] ?? 'cyan', name)} ${oneLine(String(msg ?? ''))}`
  return `${words}${facts === '' ? '' : `  ${paint('gray', facts)}`}${trouble}\n`
}
