import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MINUTE } from '../../../core/clock.ts'
import { readSecretFile } from '../../../daemon/secrets/host-secrets.ts'
import { createRunProgram } from '../../../daemon/secrets/run-program.ts'
import { aHostSecrets } from '../../fakes/host-secrets.ts'

function aFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'claw-secrets-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A keyring's program as it behaves: prints what it was stored, fails with nothing to say. */
function aKeyring(name: string, stored: Record<string, string>): { path: string } {
  const dir = aFolder()
  const cases = Object.entries(stored).map(([args, value]) => `  '${args}') printf '%s\\n' '${value}' ;;`)
  writeFileSync(join(dir, name), `#!/bin/sh\ncase "$*" in\n${cases.join('\n')}\n  *) exit 1 ;;\nesac\n`)
  chmodSync(join(dir, name), 0o755)
  return { path: `${dir}:/usr/bin:/bin` }
}

test('each kind of reference is resolved from its own place, without the line end of a file', async () => {
  const { path } = aKeyring('secret-tool', { 'lookup service https://example.org/api account me': 'from the keyring' })
  const secrets = aHostSecrets({
    env: { DEPLOY: 'from-env', CREDENTIALS_DIRECTORY: '/run/credentials/claw' },
    files: { '/keys/a': 'from-file\n', '/run/credentials/claw/mail': 'from-systemd\n' },
    run: createRunProgram({ PATH: path }),
  })
  expect(await secrets.resolve('env:DEPLOY')).toBe('from-env')
  expect(await secrets.resolve('file:/keys/a')).toBe('from-file')
  expect(await secrets.resolve('systemd:mail')).toBe('from-systemd')
  expect(await secrets.resolve('keyring:https://example.org/api/me')).toBe('from the keyring')
  expect(secrets.known()).toEqual(['from-env', 'from-file', 'from-systemd', 'from the keyring'])
})

test('on a Mac the keychain is asked', async () => {
  const { path } = aKeyring('security', { 'find-generic-password -s claw -a deploy -w': 'from-keychain' })
  const secrets = aHostSecrets({ run: createRunProgram({ PATH: path }), platform: 'darwin' })
  expect(await secrets.resolve('keyring:claw/deploy')).toBe('from-keychain')
})

test('a value is looked up when it is asked for, not before', async () => {
  const env: Record<string, string> = {}
  const secrets = aHostSecrets({ env })
  await expect(secrets.resolve('env:LATER')).rejects.toMatchObject({ code: 'secret_missing' })
  env['LATER'] = 'now-it-is-there'
  expect(await secrets.resolve('env:LATER')).toBe('now-it-is-there')
})

test.each([
  ['env:NOT_THERE', 'secret_missing', 'NOT_THERE is not set'],
  ['file:/not/there', 'secret_missing', '/not/there cannot be read'],
  ['systemd:mail', 'secret_missing', 'systemd gave no credentials'],
  ['keyring:claw/mail', 'secret_missing', 'secret-tool'],
])('%s that is not there is said by name, with what to do', async (reference, code, words) => {
  const fault = await aHostSecrets()
    .resolve(reference)
    .then(
      () => undefined,
      (error) => error,
    )
  expect(fault).toMatchObject({ code, message: expect.stringContaining(words), hint: expect.stringMatching(/\w/) })
})

test('an empty value is none, and a locked keyring neither', async () => {
  const { path } = aKeyring('secret-tool', {})
  const secrets = aHostSecrets({ env: { EMPTY: '  ' }, run: createRunProgram({ PATH: path }) })
  await expect(secrets.resolve('env:EMPTY')).rejects.toMatchObject({ code: 'secret_missing' })
  await expect(secrets.resolve('keyring:claw/x')).rejects.toMatchObject({
    message: expect.stringContaining('or it is locked'),
  })
  expect(secrets.known()).toEqual([])
})

test.each([
  'sk-live-abcdef',
  'env:',
  'env:A B',
  'file:relative',
  'systemd:../token',
  'systemd:..',
  'keyring:only',
  'ENV:X',
  '',
])('what is no reference (%j) is refused and not repeated', async (text) => {
  const fault: Error = await aHostSecrets({ env: { X: 'x' } })
    .resolve(text)
    .then(
      () => new Error('it was resolved'),
      (error) => error,
    )
  expect(fault).toMatchObject({ code: 'secret_invalid' })
  if (text.length > 4) expect(JSON.stringify([fault.message, fault])).not.toContain(text)
})

test('a keyring is asked once, and again in the background when its word has grown old', async () => {
  let now = 0
  let value = 'first-value'
  const asked: string[] = []
  const secrets = aHostSecrets({
    clock: { monotonic: () => now },
    run: async ([program]) => {
      asked.push(program)
      return value
    },
  })
  expect(secrets.find('keyring:claw/key')).toMatchObject({ missing: expect.stringContaining('not read') })
  await secrets.resolve('keyring:claw/key')
  expect([secrets.find('keyring:claw/key'), secrets.find('keyring:claw/key'), asked.length]).toEqual([
    'first-value',
    'first-value',
    1,
  ])
  value = 'second-value'
  now = 6 * MINUTE
  expect(secrets.find('keyring:claw/key')).toBe('first-value')
  await Promise.resolve()
  await Promise.resolve()
  await Promise.resolve()
  expect([secrets.find('keyring:claw/key'), asked.length]).toEqual(['second-value', 2])
  // The old one still stands in texts that were written before.
  expect(secrets.known()).toEqual(['first-value', 'second-value'])
})

test('a folder in the place of a key file is no key', () => {
  expect(readSecretFile(aFolder())).toBeUndefined()
})
