import { existsSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRoom } from './room.ts'

test('a file whose content changed behind the same size and time is found by its checksum and taken up', async () => {
  const { memory, notes, put } = await openRoom()
  put('server.md', 'The staging server is called frodo.\n')
  await memory.settled()
  const file = join(notes, 'server.md')
  const { atime, mtime } = statSync(file)
  await memory.reindex()
  put('server.md', 'The staging server is called gimli.\n')
  utimesSync(file, atime, mtime)
  const found = await memory.selfTest()
  // The watcher may have been quicker; then there is nothing to find.
  if (!found.passed) {
    expect(found).toMatchObject({ repaired: true, problems: [expect.stringContaining('server.md')] })
  }
  const { passages } = await memory.recall('what is the staging server called')
  expect(passages[0]?.text).toContain('gimli')
})

test('with no notes nothing is started to test them', async () => {
  const { memory, settings } = await openRoom({ engine: 'child' })
  expect(await memory.selfTest()).toMatchObject({ passed: true, problems: [] })
  expect(existsSync(join(settings.indexDir, 'engine'))).toBe(false)
})
