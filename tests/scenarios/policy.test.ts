import { expect, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { openRoom, plan, states, task } from './daemon-room.ts'

const asking = (command: string): Step[] => [
  {
    do: 'ask',
    kind: 'execute',
    command,
    yes: [{ do: 'write', path: 'a.txt', text: 'good: ran\n' }],
    no: [{ do: 'write', path: 'a.txt', text: 'good: refused\n' }],
  },
]
const README = { 'README.md': '#' }

test('a decision stands in the audit with its rule, and a refusal by rule asks nobody', async () => {
  const room = await openRoom({ config: { policy: { deny: ['npm publish'] } } })
  await room.add(plan([task('a', asking('sh -c "npm publish"'))]), makeRepository(README), { permissions: 'trusted' })
  const view = await room.settled()
  expect(states(view)).toEqual(['done'])
  expect(view.asks).toEqual([])
  expect(room.clone('show', `${view.taskViews[0]!.task.commit}:a.txt`)).toBe('good: refused')
  const decided = (await room.events()).filter(({ type }) => type === 'permission.decided')
  expect(decided.map(({ data }) => data)).toMatchObject([
    { verdict: 'reject', rule: 'policy.deny: npm publish', by: 'policy', agent: 'scripted' },
  ])
})

test('what the owner answers stands there too, with their name', async () => {
  const room = await openRoom()
  await room.add(plan([task('a', asking('npm publish'))]), makeRepository(README))
  expect((await room.openAsk('permission')).question).toContain('npm publish')
  await room.answer('permission', 'reject')
  await room.settled()
  const decided = (await room.events()).filter(({ type }) => type === 'permission.decided')
  expect(decided.map(({ data }) => data)).toMatchObject([
    { verdict: 'ask', rule: 'outward', by: 'policy' },
    { verdict: 'reject', rule: 'outward', by: 'test' },
  ])
})

test('policy test says what would happen, and names goals, agents and repositories', async () => {
  const repository = makeRepository(README)
  const room = await openRoom({ config: { policy: { repositories: { [repository]: { permissions: 'read-only' } } } } })
  const { policy } = room.daemon
  const question = { command: 'npm run build', agent: null, repo: null, goal: null }
  expect(await policy.test({ ...question, repo: repository })).toMatchObject({
    decision: 'ask',
    rule: 'read-only',
    from: `repository ${repository}`,
  })
  await room.add(plan([task('a')]), repository, { permissions: 'trusted' })
  expect(await policy.test({ ...question, goal: '1' })).toMatchObject({ decision: 'allow', rule: 'trusted' })
  await expect(policy.test({ ...question, goal: '9' })).rejects.toMatchObject({ code: 'goal_not_found' })
  await expect(policy.test({ ...question, agent: 'nobody' })).rejects.toMatchObject({ code: 'agent_not_found' })
  await room.settled()
})
