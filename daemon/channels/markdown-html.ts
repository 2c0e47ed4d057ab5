/** Markdown as plain words, and as HTML (mail, Matrix) in which nothing of the words is markup and nothing is fetched. Pure. */
import { parseMarkdown, type Span } from './markdown.ts'

export function toPlain(markdown: string): string {
  return parseMarkdown(markdown)
    .map(({ text, link }) => (link === undefined || link === text ? text : `${text} (${link})`))
    .join('')
}

export function toHtml(markdown: string): string {
  return parseMarkdown(markdown).map(htmlOf).join('')
}

function htmlOf({ text, bold, italic, code, block, link }: Span): string {
  if (block !== undefined) {
    const language = /^[\w+-]{1,20}$/.test(block) ? ` class="language-${block}"` : ''
    return `<pre><code${language}>${escapeHtml(text)}</code></pre>`
  }
  let html = escapeHtml(text).replaceAll('\n', '<br>')
  if (code) html = `<code>${html}</code>`
  if (italic) html = `<em>${html}</em>`
  if (bold) html = `<strong>${html}</strong>`
  return link === undefined ? html : `<a href="${escapeHtml(link)}">${html}</a>`
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
