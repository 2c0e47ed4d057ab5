/**
 * What somebody wrote in a mail, without what they answer to, and without their signature. Pure.
 *
 * Programs quote in many ways and languages; what is the same everywhere is a line with our own address before the
 * quote, and lines that begin with `>`. Where nothing of that is found nothing is taken away.
 */

/** The bar that Outlook puts above what is answered, and the words that others do. */
const BARS = [
  /^_{20,}$/,
  /^-{3,} ?(original message|ursprüngliche nachricht|message d.origine|mensaje original) ?-{3,}$/i,
]
const SENDER_FIELD = /^\*?(from|von|de|da|van|fra|från|od|от|差出人|发件人)\s?\*?\s?[:：]/iu
const SIGNATURE = /^-- ?$/
/** How a line begins that announces a quote and goes on in the next. */
const ANNOUNCES = /^(On|Am|Le|El|Il|Op|Den|Em|Dne|W dniu)\b/
/** How far above a quote the line that announces it may begin: programs break it. */
const ANNOUNCE_LINES = 3

export function withoutQuote(text: string, own: string): string {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  let end = lines.length
  for (let n = 0; n < lines.length; n++) {
    if (BARS.some((bar) => bar.test(lines[n]!.trim())) || isAnnouncement(lines, n, own)) {
      end = n
      break
    }
  }
  const kept = lines.slice(0, end).filter((line) => !/^\s*>/.test(line))
  const signature = kept.findIndex((line) => SIGNATURE.test(line))
  return (signature < 0 ? kept : kept.slice(0, signature))
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}

/** `On Monday Claw <claw@…> wrote:`, `Von: Claw <claw@…>`: our address, and then only the quote. */
function isAnnouncement(lines: readonly string[], at: number, own: string): boolean {
  const line = lines[at]!
  if (/^\s*>/.test(line) || line.trim() === '') return false
  // The fields of a mail above its quote, each on a line: the first names its sender.
  if (SENDER_FIELD.test(line.trim()) && line.toLowerCase().includes(own)) return true
  const next = lines.slice(at, at + ANNOUNCE_LINES)
  const colon = next.findIndex((one) => /[:：]\s*$/.test(one))
  const blank = next.findIndex((one) => one.trim() === '')
  if (colon < 0 || (blank >= 0 && blank < colon)) return false
  const names = (from: number) =>
    next
      .slice(from, colon + 1)
      .join(' ')
      .toLowerCase()
      .includes(own)
  // What was written right above it is no part of it.
  if (!names(0) || (names(1) && !ANNOUNCES.test(line))) return false
  const quote = lines.slice(at + colon + 1).find((one) => one.trim() !== '')
  return quote === undefined || /^\s*>/.test(quote)
}

const FORWARDED = [
  /^-{3,} ?(forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado) ?-{3,}$/i,
  /^(begin forwarded message|anfang der weitergeleiteten nachricht):?$/i,
]

/** Who is said to have written what was passed on. Null: nothing was passed on. */
export function forwardedFrom(text: string): string | null {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const at = lines.findIndex((line) => FORWARDED.some((mark) => mark.test(line.trim())))
  if (at < 0) return null
  const from = lines
    .slice(at + 1, at + 6)
    .map((line) => /^\*?(?:from|von|de)\*?\s?:\s*(.+)$/i.exec(line.trim())?.[1])
    .find((found) => found !== undefined)
  return from ?? 'somebody'
}
