import { expect, test } from 'vitest'
import { isLoopback, loopbackPorts, namesHost, parsePattern } from '../../../daemon/sandbox/host-patterns.ts'

test.each([
  ['example.org', 'example.org', 443, true],
  ['EXAMPLE.org', 'example.org', 443, true],
  ['example.org', 'www.example.org', 443, false],
  ['*.example.org', 'www.example.org', 443, true],
  ['*.example.org', 'example.org', 443, false],
  ['*.example.org', 'badexample.org', 443, false],
  ['example.org', 'example.org.evil.net', 443, false],
  ['example.org:443', 'example.org', 443, true],
  ['example.org:443', 'example.org', 22, false],
  ['*', 'anything.example', 1, true],
  ['*:443', 'anything.example', 80, false],
  ['192.168.1.5', '192.168.1.5', 80, true],
  ['[2001:db8::1]:22', '2001:db8::1', 22, true],
  // The loopback, where the daemon listens, only by address and port.
  ['*', '127.0.0.1', 80, false],
  ['127.0.0.1', '127.0.0.1', 80, false],
  ['127.0.0.1:80', '127.0.0.1', 80, true],
  ['127.0.0.1:80', '127.0.0.1', 81, false],
  ['localhost:80', 'localhost', 80, true],
  ['*', 'localhost', 80, false],
  ['*', '169.254.169.254', 80, false],
  ['*', '::1', 80, false],
  ['*', '::ffff:127.0.0.1', 80, false],
  ['*', '::ffff:7f00:1', 80, false],
  ['*', '0.0.0.0', 80, false],
])('%s, asked about %s port %i: %s', (pattern, host, port, expected) => {
  expect(namesHost([pattern], { host, port })).toBe(expected)
})

test('what is no pattern names nothing', () => {
  for (const pattern of ['', 'a b', 'http://x', 'x:0', 'x:99999', '*x', 'x*', '[::1', 'x/y']) {
    expect(parsePattern(pattern), pattern).toBeUndefined()
  }
  expect(namesHost(['a b', ''], { host: 'a', port: 1 })).toBe(false)
})

test('the ports of the loopback are those that are named with it', () => {
  expect(loopbackPorts(['127.0.0.1:80', 'localhost:81', 'example.org:82', '*', '127.0.0.1:80'])).toEqual([80, 81])
  expect(isLoopback('localhost.example.org')).toBe(false)
})
