import { expect, test } from 'vitest'
import { holdsKey, withoutKeys } from '../../core/secret-shapes.ts'

const KEY = `ghp_${'a1B2'.repeat(9)}`
const PRIVATE = [
  '-----BEGIN OPENSSH ' + 'PRIVATE KEY-----',
  'b3BlbnNzaC1rZXk',
  '-----END OPENSSH ' + 'PRIVATE KEY-----',
]

test('a key is found on any line and taken out, with the whole of a private key', () => {
  const text = `first\ntoken: ${KEY}\n${PRIVATE.join('\n')}\nlast ${KEY}`
  expect(holdsKey(text)).toBe(true)
  expect(withoutKeys(text)).toBe('first\ntoken: [secret]\n[secret]\nlast [secret]')
})

test('what only looks like an example hides no key that comes after it', () => {
  const text = `AKIAIOSFODNN7EXAMPLE and AKIA${'Q3EGRIWLDP7ZK2MV'}`
  expect(holdsKey(text)).toBe(true)
  expect(withoutKeys(text)).toBe('AKIAIOSFODNN7EXAMPLE and [secret]')
  expect(holdsKey('AKIAIOSFODNN7EXAMPLE')).toBe(false)
})

test('plain words stay as they are', () => {
  const text = 'See https://example.org/a:b and sk-short; npm_config_cache=/tmp; the key is in env:API_KEY'
  expect(withoutKeys(text)).toBe(text)
})

test.each([
  ['schemes without an end', 'a.'],
  ['the beginning of a web token', 'eyJ-'],
  ['names of secrets', 'token-'],
  ['the beginnings of private keys', `-----BEGIN ${'PRIVATE KEY'}-----`],
])('a megabyte of %s is read through once, not once for each place in it', { timeout: 20_000 }, (_, piece) => {
  expect(typeof withoutKeys(piece.repeat(1_000_000 / piece.length))).toBe('string')
})
