import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { lastWordsOf } from '../../cli/daemon.ts'

test('why a daemon ended is the line that says it, not the last one that Node prints', () => {
  const crash = outputOf('function f() { throw new TypeError("the store is gone") }; f()')
  expect(crash.trim().split('\n').at(-1)).toMatch(/^Node\.js v/)
  expect(lastWordsOf(crash)).toBe('TypeError: the store is gone')
  expect(lastWordsOf(outputOf('process.stderr.write("first\\nclaw: no room on the disk\\n")'))).toBe(
    'claw: no room on the disk',
  )
  expect(lastWordsOf('')).toBe('')
})

function outputOf(code: string): string {
  try {
    return execFileSync('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', process.execPath, '-e', code], { encoding: 'utf8' })
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}
