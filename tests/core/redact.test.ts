import { expect, test } from 'vitest'
import { createRedactor, redact } from '../../core/redact.ts'

const SECRET = 'p@ss/w0rd "quoted"+ümlaut?&=~'
const encodings: [string, (text: string) => string][] = [
  ['as it is', (text) => text],
  ['JSON', (text) => JSON.stringify(text)],
  ['JSON in JSON', (text) => JSON.stringify(JSON.stringify(text))],
  ['JSON of PHP', (text) => JSON.stringify(text).replaceAll('/', '\\/')],
  ['URL', (text) => encodeURIComponent(text)],
  ['URL in lower case', (text) => encodeURIComponent(text).replace(/%../g, (code) => code.toLowerCase())],
  ['a form', (text) => new URLSearchParams({ text }).toString()],
  ['hex', (text) => Buffer.from(text).toString('hex')],
  ['hex in upper case', (text) => Buffer.from(text).toString('hex').toUpperCase()],
  ...[0, 1, 2].flatMap((before): [string, (text: string) => string][] => [
    [`base64, ${before} bytes in`, (text) => Buffer.from(`${'x'.repeat(before)}${text}yz`).toString('base64')],
    [`base64url, ${before} bytes in`, (text) => Buffer.from(`${'x'.repeat(before)}${text}yz`).toString('base64url')],
    [`basic auth, ${before} bytes in`, (text) => Buffer.from(`${'u'.repeat(before)}:${text}`).toString('base64')],
  ]),
]

/** No run of the encoded secret may be left that gives most of it away. */
function leaks(clean: string, encoded: string): boolean {
  for (let at = 0; at + 12 <= encoded.length; at++) if (clean.includes(encoded.slice(at, at + 12))) return true
  return false
}

test.each(encodings)('hides a secret written as %s', (_, encode) => {
  const encoded = encode(SECRET)
  const clean = redact(`before ${encoded} after`, [SECRET])
  expect(clean).toContain('[secret]')
  expect(clean.startsWith('before ') && clean.endsWith(' after')).toBe(true)
  expect(leaks(clean, encoded)).toBe(false)
})

test.each(encodings)('hides a secret written as %s that comes in pieces, wherever the borders are', (_, encode) => {
  const encoded = encode(SECRET)
  const text = `one ${encoded} two ${encoded}${encoded} three`
  const whole = redact(text, [SECRET])
  for (const size of [1, 2, 3, 7, 16, encoded.length - 1, encoded.length + 1]) {
    const stream = createRedactor(() => [SECRET]).stream()
    let clean = ''
    for (let at = 0; at < text.length; at += size) clean += stream.push(text.slice(at, at + size))
    clean += stream.end()
    expect(leaks(clean, encoded), `in pieces of ${size}`).toBe(false)
    expect(clean.replaceAll('[secret]', ''), `in pieces of ${size}`).toBe(whole.replaceAll('[secret]', ''))
  }
})

test('a stream holds back only what may become a secret, and gives it back if it does not', () => {
  const stream = createRedactor(() => ['abcdefgh']).stream()
  expect(stream.push('hello abc')).toBe('hello ')
  expect(stream.push('xyz abcd')).toBe('abcxyz ')
  expect(stream.push('efgh!')).toBe('[secret]!')
  expect(stream.push('abcdef')).toBe('')
  expect(stream.end()).toBe('abcdef')
})

test('a secret within a secret, and secrets that overlap, leave nothing', () => {
  expect(redact('a=secret1-long b=secret1', ['secret1', 'secret1-long'])).toBe('a=[secret] b=[secret]')
  expect(redact('xx abcabcabc xx', ['abcabc'])).toBe('xx [secret] xx')
  const stream = createRedactor(() => ['secret1', 'secret1-long']).stream()
  expect(stream.push('secret1-lo') + stream.push('ng.') + stream.end()).toBe('[secret].')
})

test('words are not hidden: what is shorter than six characters is no secret', () => {
  expect(redact('{"level":"info"}', ['in', '', 'level'])).toBe('{"level":"info"}')
})

test('each long line of a key file is a secret too', () => {
  const key =
    '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END KEY-----'
  expect(redact('  MIIEvQIBADANBgkqhkiG9w0BAQEFAASC  ', [key])).toBe('  [secret]  ')
})

test('values that become known later are hidden from then on', () => {
  const known: string[] = []
  const redactor = createRedactor(() => known)
  expect(redactor.text('hunter2!')).toBe('hunter2!')
  known.push('hunter2!')
  expect([redactor.text('hunter2!'), redactor.finds('no'), redactor.finds('a hunter2!')]).toEqual([
    '[secret]',
    false,
    true,
  ])
  known[0] = 'another!'
  expect(redactor.text('hunter2! another!')).toBe('hunter2! [secret]')
})
