import { expect, test } from 'vitest'
import { HOUR } from '../../core/clock.ts'
import { openScheduleRoom } from '../daemon/schedules/schedule-room.ts'
import { serveFakeApp } from '../fakes/served-app.ts'
import { claw } from './run-claw.ts'

test('schedules from the command line: added, listed, shown, run, paused, removed, with their history', async () => {
  await using room = await openScheduleRoom()
  await using served = await serveFakeApp({ schedules: room.schedules })
  const run = async (...args: string[]) => claw(['schedule', ...args], { home: served.home })

  const added = await run(
    'add',
    'every weekday at 9',
    'Look through the issues',
    '--name',
    'issues',
    '--timezone',
    'Europe/Berlin',
  )
  expect(added).toMatchObject({ code: 0, stderr: '' })
  // Without a terminal nobody is asked, and the next five are said all the same.
  expect(added.stdout).toContain('schedule 1 issues added: every weekday at 9\nthe next 5 (Europe/Berlin):\n')
  expect(added.stdout).toContain('Tue 24 Nov 2026 09:00:00 CET')
  expect(added.stdout.trim().split('\n')).toHaveLength(7)
  expect((await run('list')).stdout).toContain('1 issues')
  expect((await run('show', 'issues')).stdout).toContain('every weekday at 9 (0 9 * * 1-5, Europe/Berlin)')

  expect((await run('run', '1')).code).toBe(0)
  await room.settled()
  expect((await run('history', '1')).stdout).toMatch(/fired +#1 open, by owner/)
  expect((await run('pause', 'issues')).stdout).toBe('schedule 1 issues is paused\n')
  expect((await run('resume', 'issues')).stdout).toBe('schedule 1 issues is active\n')
  await room.pass(HOUR)
  const rows = JSON.parse((await run('history', 'issues', '--json')).stdout)
  expect(rows[0]).toMatchObject({ firing: { cause: 'owner', state: 'fired' }, goal: { number: 1, state: 'open' } })
  expect((await run('rm', 'issues')).stdout).toBe('schedule 1 issues is removed\n')
  expect((await run('list')).stderr).toContain('No schedules.')
})

test('what is not understood, or not there, is said in one line with what would be', async () => {
  await using room = await openScheduleRoom()
  await using served = await serveFakeApp({ schedules: room.schedules })
  const run = async (...args: string[]) => claw(['schedule', ...args], { home: served.home })
  const odd = await run('add', 'every blue moon', 'x')
  expect(odd.code).toBe(2)
  expect(odd.stderr).toContain(
    '"every blue moon" is not a time that is understood — Say it like one of these: "every weekday at 9"',
  )
  expect(await run('add', 'every day at 9')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('When and what are needed'),
  })
  expect(await run('show', '9')).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no schedule 9') })
  const hook = await run(
    'add',
    'See {{payload.x}}',
    '--hook',
    'mine',
    '--secret',
    'env:SECRET',
    '--events',
    'push, issues',
  )
  expect(hook.stdout).toContain('deliveries go to /hooks/mine')
  expect((await room.schedules.show('mine')).schedule.when).toEqual({
    kind: 'hook',
    scheme: 'github',
    secret: 'env:SECRET',
    events: ['push', 'issues'],
  })
})

test('a time that only a model could read is not kept where nobody can look at it', async () => {
  const readTime = async () => ({ kind: 'cron' as const, pattern: '0 16 * * 2#2', timezone: 'UTC' })
  await using room = await openScheduleRoom({ readTime })
  await using served = await serveFakeApp({ schedules: room.schedules })
  const said = await claw(['schedule', 'add', 'on the tuesday of tea', 'Brew', '--yes'], { home: served.home })
  expect(said).toMatchObject({ code: 2, stdout: '' })
  expect(said.stderr).toContain('A model takes "on the tuesday of tea" for "0 16 * * 2#2", and nobody can look at it')
  expect(await room.schedules.list()).toEqual([])
})
