import type { MessageEntity } from 'grammy/types'
import { parseMarkdown } from './markdown.ts'

/** Markdown as Telegram shows it: plain text, and entities that say what is bold. Nothing needs escaping so. */
export function toTelegram(markdown: string): { text: string; entities: MessageEntity[] } {
  let text = ''
  const entities: MessageEntity[] = []
  for (const span of parseMarkdown(markdown)) {
    const offset = text.length
    const length = span.text.length
    text += span.text
    // Blanks at an end are no part of an entity, and the server would move it.
    if (span.text.trim() === '') continue
    if (span.block !== undefined) {
      entities.push({ type: 'pre', offset, length, ...(span.block === '' ? {} : { language: span.block }) })
      continue
    }
    if (span.code) entities.push({ type: 'code', offset, length })
    if (span.bold) entities.push({ type: 'bold', offset, length })
    if (span.italic) entities.push({ type: 'italic', offset, length })
    if (span.link) entities.push({ type: 'text_link', offset, length, url: span.link })
  }
  return { text, entities }
}
