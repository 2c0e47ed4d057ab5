/**
 * Takes secrets out of whatever leaves: exact values, and the ways in which programs usually write them
 * (JSON, URL, hex, base64 and base64url wherever in a longer text they begin).
 *
 * The only thing that does so. It finds what it was told to look for; shapes of keys nobody told it about
 * are looked for elsewhere (secret-shapes.ts).
 */

/** Shorter values are words that stand in every log; hiding them would hide the log and no secret. */
const SECRET_MIN = 6
/** An encoded piece that is shorter stands for too many other texts. */
const FORM_MIN = 8
const HIDDEN = '[secret]'

export interface Redactor {
  /** The text without secrets. */
  text(text: string): string
  /** Whether it holds one. */
  finds(text: string): boolean
  /** One for a stream: what it gives back is clean whatever the borders of the pieces. */
  stream(): RedactStream
}

export interface RedactStream {
  /** What can be told by now; the rest is held back. */
  push(piece: string): string
  /** What was held back. */
  end(): string
}

/** @param values asked for each time: secrets are resolved late. The same array means the same values. */
export function createRedactor(values: () => readonly string[]): Redactor {
  let before: readonly string[] = []
  let forms: readonly string[] = []
  let any: RegExp | undefined

  function refresh(): void {
    const now = values()
    if (now === before || (now.length === before.length && now.every((value, index) => value === before[index]))) return
    before = [...now]
    forms = formsOf(before)
    // Compiled once: one pass over a line, however many secrets there are.
    any = forms.length === 0 ? undefined : new RegExp(forms.map(escaped).join('|'))
  }

  return {
    text(text) {
      refresh()
      return any?.test(text) ? hide(text, hiddenIn(text, forms)) : text
    },
    finds(text) {
      refresh()
      return any?.test(text) === true
    },
    stream: () =>
      createStream(() => {
        refresh()
        return forms
      }),
  }
}

/** Replaces each secret in a text; for whoever has the values at hand. */
export function redact(text: string, secrets: readonly string[]): string {
  return createRedactor(() => secrets).text(text)
}

/** The same value with every text in it made clean, names of members too. */
export function redactJson(value: unknown, redactor: Pick<Redactor, 'text'>): unknown {
  if (typeof value === 'string') return redactor.text(value)
  if (Array.isArray(value)) return value.map((one) => redactJson(one, redactor))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [redactor.text(key), redactJson(one, redactor)]))
}

/**
 * Reads a stream through, held to nothing but its length: what might yet become a secret stays back until
 * the next piece says.
 */
function createStream(forms: () => readonly string[]): RedactStream {
  let held = ''
  return {
    push(piece) {
      const text = held + piece
      const known = forms()
      const hidden = hiddenIn(text, known)
      let cut = beginsAt(text, known)
      // A secret that is there already is not cut in two by another one that may begin within it.
      const across = hidden.find(({ from, to }) => from < cut && to > cut)
      if (across) cut = across.from
      held = text.slice(cut)
      return hide(
        text.slice(0, cut),
        hidden.filter(({ to }) => to <= cut),
      )
    },
    end() {
      const rest = hide(held, hiddenIn(held, forms()))
      held = ''
      return rest
    },
  }
}

/** Where the first of the text's ends lies that is the beginning of a form; its length where there is none. */
function beginsAt(text: string, forms: readonly string[]): number {
  let first = text.length
  for (const form of forms) {
    for (let at = Math.max(0, text.length - form.length + 1); at < first; at++) {
      if (text[at] === form[0] && form.startsWith(text.slice(at))) first = at
    }
  }
  return first
}

interface Place {
  from: number
  to: number
}

/** Every place of every form; places that touch each other are one. */
function hiddenIn(text: string, forms: readonly string[]): Place[] {
  const places: Place[] = []
  for (const form of forms) {
    for (let from = text.indexOf(form); from >= 0; from = text.indexOf(form, from + 1)) {
      places.push({ from, to: from + form.length })
    }
  }
  places.sort((a, b) => a.from - b.from || b.to - a.to)
  const merged: Place[] = []
  for (const place of places) {
    const last = merged.at(-1)
    if (last && place.from < last.to) last.to = Math.max(last.to, place.to)
    else merged.push({ ...place })
  }
  return merged
}

function hide(text: string, places: readonly Place[]): string {
  let clean = ''
  let at = 0
  for (const { from, to } of places) {
    clean += text.slice(at, from) + HIDDEN
    at = to
  }
  return clean + text.slice(at)
}

/** A value as it is and as it is usually written, longest first. */
export function formsOf(values: readonly string[]): string[] {
  const forms = new Set<string>()
  for (const value of values) {
    if (value.length < SECRET_MIN) continue
    forms.add(value)
    for (const form of encodingsOf(value)) if (form.length >= FORM_MIN) forms.add(form)
    // A key file is one secret, and each of its long lines is as good as the whole.
    if (value.includes('\n')) {
      for (const line of value.split('\n').map((one) => one.trim())) if (line.length >= 20) forms.add(line)
    }
  }
  return [...forms].sort((a, b) => b.length - a.length)
}

function encodingsOf(value: string): string[] {
  const bytes = Buffer.from(value)
  const json = JSON.stringify(value).slice(1, -1)
  const url = encodeURIComponent(value)
  const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset))
  return [
    json,
    JSON.stringify(json).slice(1, -1),
    json.replaceAll('/', '\\/'),
    url,
    url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    url.replaceAll('%20', '+'),
    // As a form does it.
    new URLSearchParams([['', value]]).toString().slice(1),
    // As the strict escape what encodeURIComponent leaves alone.
    url.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...base64,
    ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
  ]
}

/**
 * What all base64 has in common that holds the bytes `offset` bytes after a border of three: the characters
 * at the ends which also depend on what stands around are left out.
 */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const from = Math.ceil((offset * 8) / 6)
  const to = Math.floor(((offset + bytes.length) * 8) / 6)
  return text.slice(from, to)
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
