import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import type { Firing, Schedule } from '../../../core/schedule.ts'
import { silentLog } from '../../../core/world.ts'
import { findSandbox } from '../../../daemon/sandbox/find-sandbox.ts'
import { createCondition } from '../../../daemon/schedules/condition.ts'

const PATH = '/usr/local/bin:/usr/bin:/bin'

async function ask(command: string, { secondsMax = 10, repo = true } = {}) {
  const base = mkdtempSync(join(tmpdir(), 'claw-condition-'))
  const [clawHome, ownerHome, repository] = [join(base, 'claw'), join(base, 'owner'), join(base, 'repo')]
  for (const folder of [clawHome, ownerHome, repository]) mkdirSync(folder)
  writeFileSync(join(repository, 'flag'), 'up')
  writeFileSync(join(ownerHome, 'private'), 'secret')
  writeFileSync(join(clawHome, 'daemon.json'), 'token')
  const dir = join(clawHome, 'conditions')
  const sandbox = await findSandbox({ clock: systemClock, log: silentLog }, { clawHome, ownerHome, path: PATH })
  const world = { clock: systemClock, log: silentLog }
  const check = createCondition({ world, sandbox, path: PATH, readable: [], dir })
  const schedule = { number: 3, template: { repo: repo ? repository : null } } as Schedule
  const firing = { id: `firing_${base.slice(-6)}` } as Firing
  const filled = command.replaceAll('@OWNER', ownerHome).replaceAll('@CLAW', clawHome)
  try {
    const verdict = await check(
      { schedule, condition: { command: filled, secondsMax }, firing },
      new AbortController().signal,
    )
    return { ...verdict, left: existsSync(dir) ? readdirSync(dir) : [], flag: readdirSync(repository) }
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}

test('exit code 0 says yes, any other no with the command’s last words', async () => {
  expect(await ask('grep -q up flag')).toMatchObject({ isMet: true, left: [] })
  expect(await ask('echo first; echo "nothing new"; exit 3')).toMatchObject({
    isMet: false,
    reason: 'the condition said no (exit code 3): nothing new',
    left: [],
  })
})

test('it sees neither the owner’s home nor Claw’s, and leaves nothing in the repository', async () => {
  const { isMet, flag } = await ask('touch mine 2>/dev/null; cat @OWNER/private @CLAW/daemon.json && exit 0; exit 1')
  expect(isMet).toBe(false)
  expect(flag).toEqual(['flag'])
})

test('without a repository on this machine it runs in an empty folder that it may write', async () => {
  expect(await ask('test -z "$(ls)" && echo x > y && test "$CLAW_SCHEDULE" = 3', { repo: false })).toMatchObject({
    isMet: true,
    left: [],
  })
})

test('one that takes too long, or is not there, fails by name', async () => {
  await expect(ask('sleep 60', { secondsMax: 1 })).rejects.toThrow('the condition did not end within 1 s')
  await expect(ask('no-such-program-here')).rejects.toThrow('the condition cannot be run')
})
