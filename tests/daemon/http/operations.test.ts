import { expect, test } from 'vitest'
import { createFakeApp } from '../../fakes/fake-app.ts'
import { makeRepository } from '../../fakes/repositories.ts'
import { openRoom, plan, task } from '../../scenarios/daemon-room.ts'

test('metrics are text for Prometheus behind the token, and not there when turned off', async () => {
  const { call } = createFakeApp()
  const answer = await call('/metrics')
  expect(await answer.text()).toBe(
    '# HELP claw_goals Goals by state.\n# TYPE claw_goals gauge\nclaw_goals{state="open"} 2\n',
  )
  expect((await call('/metrics', { headers: { authorization: 'Bearer not-the-token' } })).status).toBe(401)
  const off = createFakeApp({ metrics: async () => undefined })
  expect((await off.call('/metrics')).status).toBe(404)
})

test('the numbers are those of the rows', async () => {
  const room = await openRoom({ config: { metrics: { enabled: true } } })
  await room.add(plan([task('a')]), makeRepository({ 'README.md': 'x' }))
  await room.settled()
  const of = new Map((await room.daemon.metrics())?.map(({ name, values }) => [name, values]))
  expect(of.get('claw_goals')).toEqual({ 'state="met"': 1 })
  expect(of.get('claw_runs_ended_total')).toEqual({ 'agent="scripted",outcome="done"': 1 })
  expect(of.get('claw_asks_open')).toEqual({ '': 0 })
  expect(of.get('claw_database_bytes')![''])!.toBeGreaterThan(4096)
  const off = await openRoom()
  expect(await off.daemon.metrics()).toBeUndefined()
})

test('a backup goes to an absolute file only; doctor passes on what is asked', async () => {
  const { call } = createFakeApp()
  expect((await call('/v1/backup', { json: { file: 'here.tar.gz' } })).status).toBe(400)
  const made = await call('/v1/backup', { json: { file: '/tmp/x.tar.gz', withSecrets: true } })
  expect([made.status, await made.json()]).toMatchObject([201, { file: '/tmp/x.tar.gz', secrets: true }])
  const { findings } = (await (await call('/v1/doctor', { json: { fix: true } })).json()) as { findings: object[] }
  expect(findings).toEqual([{ what: 'agent pi', level: 'ok', words: 'pi starts and answers' }])
})
