import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFakeApp } from '../../fakes/fake-app.ts'
import { makeRepository } from '../../fakes/repositories.ts'
import { openRoom, plan, task } from '../../scenarios/daemon-room.ts'

const skill = (name: string) => `---\nname: ${name}\ndescription: How ${name} is done.\n---\nAs ever.\n`

/** The real skills of a daemon behind the real routes: one of the owner's own, one in a repository with a goal. */
async function aHome() {
  const room = await openRoom()
  mkdirSync(join(room.paths.skillsDir, 'house'), { recursive: true })
  writeFileSync(join(room.paths.skillsDir, 'house', 'SKILL.md'), skill('house'))
  const repository = makeRepository({ 'README.md': '# Hello\n', '.agents/skills/limits/SKILL.md': skill('limits') })
  await room.add(plan([task('a')]), repository)
  await room.settled()
  const { call } = createFakeApp({ skills: room.daemon.skills })
  const list = async (query = '') => ((await (await call(`/v1/skills${query}`)).json()) as { skills: object[] }).skills
  const agree = async (json: object) => {
    const response = await call('/v1/skills/agree', { json })
    return [response.status, await response.json()]
  }
  return { repository, call, list, agree }
}

test('skills are listed with where they lie, and narrowed to one repository', async () => {
  const { repository, list } = await aHome()
  const own = { name: 'house', from: 'owner', repository: null, state: 'on' }
  const theirs = { name: 'limits', from: 'repository', repository, state: 'new', files: 1 }
  expect(await list()).toMatchObject([own, theirs])
  expect(await list(`?repo=${encodeURIComponent(repository)}`)).toMatchObject([theirs])
})

test('the owner’s word on a skill is kept, and can be another one later', async () => {
  const { repository, list, agree } = await aHome()
  expect(await agree({ name: 'limits', repo: repository })).toEqual([200, expect.objectContaining({ state: 'on' })])
  expect(await list()).toMatchObject([{}, { name: 'limits', state: 'on' }])
  expect(await agree({ name: 'limits', allow: false })).toEqual([200, expect.objectContaining({ state: 'refused' })])
  expect(await list()).toMatchObject([{}, { name: 'limits', state: 'refused' }])
})

test('what is not there is a problem with the nearest name, and a misspelt key names the right one', async () => {
  const { list, agree, call } = await aHome()
  expect(await agree({ name: 'limts' })).toEqual([
    404,
    expect.objectContaining({ code: 'skill_not_found', hint: expect.stringContaining('limits') }),
  ])
  const [status, problem] = await agree({ name: 'limits', alow: true })
  expect([status, JSON.stringify(problem)]).toEqual([400, expect.stringContaining('allow')])
  expect((await call('/v1/skills?repository=x')).status).toBe(400)
  expect(await list()).toMatchObject([{}, { name: 'limits', state: 'new' }])
})

test('a daemon without skills says so', async () => {
  const response = await createFakeApp().call('/v1/skills')
  expect([response.status, await response.json()]).toEqual([404, expect.objectContaining({ code: 'route_not_found' })])
})
