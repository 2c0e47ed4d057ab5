/** Shorter values are words that stand in every log; hiding them would hide the log and no secret. */
const SECRET_MIN = 6

/** Replaces each secret, as it is and as JSON spells it. */
export function redact(line: string, secrets: readonly string[]): string {
  let clean = line
  const longestFirst = [...secrets].filter(({ length }) => length >= SECRET_MIN).sort((a, b) => b.length - a.length)
  for (const secret of longestFirst) {
    const escaped = JSON.stringify(secret).slice(1, -1)
    for (const form of new Set([secret, escaped, encodeURIComponent(secret)]))
      clean = clean.replaceAll(form, '[secret]')
  }
  return clean
}
