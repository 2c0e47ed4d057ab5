/**
 * Markdown as Slack shows it: one block of rich text. Its runs carry their style beside them, so that nothing in the
 * words can be taken for a mark, a mention or a link. Pure.
 */
import type {
  Button,
  KnownBlock,
  RichTextBlock,
  RichTextElement,
  RichTextPreformatted,
  RichTextSection,
} from '@slack/types'
import type { Outgoing } from '../channel.ts'
import { parseMarkdown, type Span } from '../markdown.ts'

/** Slack counts the blocks with all that is around the words, and refuses about 13,200 of it. */
const BLOCKS_MAX = 11_000
const LABEL_MAX = 75
/** What notifications show. */
const NOTICE_MAX = 300

/** `text` is what notifications and old clients show. */
export function toSlack({ text, buttons }: Pick<Outgoing, 'text' | 'buttons'>): { text: string; blocks: KnownBlock[] } {
  const spans = parseMarkdown(text)
  const plain = spans.map((span) => span.text).join('')
  const actions: KnownBlock[] = (buttons ?? []).map((row, rowAt) => ({
    type: 'actions',
    elements: row.map(
      ({ label, data }, at): Button => ({
        type: 'button',
        action_id: `${rowAt}.${at}`,
        text: { type: 'plain_text', text: label.slice(0, LABEL_MAX), emoji: false },
        value: data,
      }),
    ),
  }))
  const words = plain.trim() === '' ? [] : [wordsOf(spans, plain)]
  return { text: escapeText(plain.slice(0, NOTICE_MAX)) || '…', blocks: [...words, ...actions] }
}

function wordsOf(spans: readonly Span[], plain: string): RichTextBlock {
  const styled: RichTextBlock = { type: 'rich_text', elements: elementsOf(spans) }
  if (JSON.stringify(styled).length <= BLOCKS_MAX) return styled
  // So many marks that their names are longer than the words: without them it surely goes.
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: plain }] }] }
}

function elementsOf(spans: readonly Span[]): (RichTextSection | RichTextPreformatted)[] {
  const elements: (RichTextSection | RichTextPreformatted)[] = []
  let section: RichTextSection | undefined
  for (const span of spans) {
    if (span.block !== undefined) {
      section = undefined
      elements.push({ type: 'rich_text_preformatted', elements: [{ type: 'text', text: span.text }] })
      continue
    }
    if (!section) {
      // A block of code stands on lines of its own already.
      const text = elements.length > 0 ? span.text.replace(/^\n/, '') : span.text
      if (text === '') continue
      section = { type: 'rich_text_section', elements: [elementOf({ ...span, text })] }
      elements.push(section)
      continue
    }
    section.elements.push(elementOf(span))
  }
  return elements
}

function elementOf({ text, bold, italic, code, link }: Span): RichTextElement {
  const style = { ...(bold ? { bold } : {}), ...(italic ? { italic } : {}), ...(code ? { code } : {}) }
  const styled = Object.keys(style).length > 0 ? { style } : {}
  return link ? { type: 'link', url: link, text, ...styled } : { type: 'text', text, ...styled }
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** What a person wrote, as Slack sends it, in plain words: mentions by their names, links by their addresses. */
export function fromSlack(text: string, nameOf: (user: string) => string | undefined): string {
  return text
    .replaceAll(/<([^<>\s][^<>]*)>/g, (_, inner: string) => {
      const [target, label] = splitOnce(inner, '|')
      if (target.startsWith('@')) return `@${label ?? nameOf(target.slice(1)) ?? target.slice(1)}`
      if (target.startsWith('#')) return `#${label || target.slice(1)}`
      if (target.startsWith('!')) return `@${label ?? target.slice(1).replace(/\^.*$/, '')}`
      return label === undefined || target.endsWith(label) ? target.replace(/^mailto:/, '') : `${label} (${target})`
    })
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function splitOnce(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** Names of Slack's for the reactions that mean something to us. */
const EMOJI: Readonly<Record<string, string>> = {
  '+1': '👍',
  thumbsup: '👍',
  '-1': '👎',
  thumbsdown: '👎',
  white_check_mark: '✅',
  x: '❌',
  ok_hand: '👌',
  heart: '❤',
  fire: '🔥',
  eyes: '👀',
}

export function emojiOf(name: string): string {
  const [plain] = splitOnce(name, '::')
  return EMOJI[plain] ?? plain
}

export function nameOfEmoji(emoji: string): string | undefined {
  const plain = emoji.replace(/\uFE0F$/, '')
  return Object.entries(EMOJI).find(([, other]) => other === plain)?.[0]
}
