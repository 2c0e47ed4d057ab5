/** A mail as it came over the wire: its header fields with their folds, in order, and its body. Pure. */

export interface RawHeader {
  /** Lower case. */
  name: string
  /** The whole field as it was sent, without the line end behind it. */
  raw: string
  /** Unfolded and trimmed. */
  value: string
}

export interface RawMail {
  headers: RawHeader[]
  body: Buffer
}

const HEADERS_MAX = 2_000

export function splitMail(source: Buffer): RawMail {
  const at = source.indexOf('\r\n\r\n')
  const head = at < 0 ? source : source.subarray(0, at)
  return { headers: readHeaders(head), body: at < 0 ? Buffer.alloc(0) : source.subarray(at + 4) }
}

export function readHeaders(head: Buffer): RawHeader[] {
  const fields: string[] = []
  for (const line of head.toString('latin1').split('\r\n')) {
    if (/^[ \t]/.test(line) && fields.length > 0) fields[fields.length - 1] += `\r\n${line}`
    else if (line !== '') fields.push(line)
    if (fields.length > HEADERS_MAX) break
  }
  return fields.flatMap((raw) => {
    const at = raw.indexOf(':')
    if (at <= 0) return []
    const value = raw
      .slice(at + 1)
      .replaceAll(/\r\n/g, '')
      .trim()
    return [{ name: raw.slice(0, at).trim().toLowerCase(), raw, value }]
  })
}

export function valuesOf(headers: readonly RawHeader[], name: string): string[] {
  return headers.filter((header) => header.name === name).map(({ value }) => value)
}
