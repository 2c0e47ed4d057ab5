import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findInFolder } from '../../../daemon/skills/find-skills.ts'
import { readSkill } from '../../../daemon/skills/read-skill.ts'
import { temporaryFolder } from '../../fakes/repositories.ts'

const file = (text: string) => [{ path: 'SKILL.md', text }]
const GOOD = '---\nname: house-style\ndescription: >\n  How we\n  write.\nlicense: MIT\n---\n# Body\n'

test('a skill is its name, its description and everything it holds', () => {
  const read = (text: string, more = '') =>
    readSkill('/x', 'owner', [...file(text), { path: 'b.md', text: more }]) as {
      skill: { name: string; digest: string }
    }
  expect(read(GOOD).skill).toMatchObject({ name: 'house-style', description: 'How we write.', from: 'owner' })
  expect(read(GOOD).skill.digest).toBe(read(GOOD).skill.digest)
  expect(read(GOOD).skill.digest).not.toBe(read(GOOD, 'other').skill.digest)
  expect(read(GOOD).skill.digest).not.toBe(read(`${GOOD}more`).skill.digest)
})

test.each([
  ['# no frontmatter', 'does not begin with `---`'],
  ['---\nname: [\n---\n', 'not YAML'],
  ['---\nname: House Style\ndescription: x\n---\n', 'name: small letters'],
  ['---\nname: ../up\ndescription: x\n---\n', 'name: small letters'],
  ['---\nname: a\n---\n', 'description'],
  ['---\na: &a [1]\nb: *a\nname: x\ndescription: y\n---\n', 'not YAML'],
])('what is no skill says why: %j', (text, words) => {
  expect(readSkill('/x', 'owner', file(text))).toEqual({ broken: expect.stringContaining(words) })
})

test('the owner’s folder: one skill per folder, links followed, what is binary or too long left out', async () => {
  const top = temporaryFolder()
  const elsewhere = temporaryFolder()
  mkdirSync(join(elsewhere, 'scripts'))
  writeFileSync(join(elsewhere, 'SKILL.md'), GOOD)
  writeFileSync(join(elsewhere, 'scripts', 'run.sh'), '#!/bin/sh\n')
  writeFileSync(join(elsewhere, 'logo.png'), Buffer.from([0, 1, 2]))
  writeFileSync(join(elsewhere, 'long.txt'), 'x'.repeat(300_000))
  symlinkSync(elsewhere, join(top, 'house-style'))
  mkdirSync(join(top, 'empty'))
  const found = await findInFolder(top)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatchObject({ skill: { files: [{ path: 'SKILL.md' }, { path: 'scripts/run.sh' }] } })
  expect(await findInFolder(join(top, 'nowhere'))).toEqual([])
})
