import { expect, test } from 'vitest'
import { TOKEN } from '../fakes/fake-app.ts'
import { openMcpPlace } from '../fakes/mcp-place.ts'
import { aGoal, aGoalView } from '../fakes/views.ts'

async function aPlace() {
  const place = await openMcpPlace()
  place.goals.put(aGoalView())
  place.goals.put(
    aGoalView({
      goal: aGoal({ id: 'goal_12', number: 12, state: 'met', reportFile: '/reports/12.md' }),
      status: 'met',
    }),
  )
  const note = { text: 'Redis on 6380', title: 'Redis', kind: 'fact' as const, scope: 'global', by: 'x' }
  await place.memory.remember({ ...note, source: { from: 'owner', ref: null } })
  return { ...place, client: await place.connect(TOKEN) }
}

test('notes, reports and proofs are listed with templates, and can be read', async () => {
  await using place = await aPlace()
  const { resources } = await place.client.listResources()
  expect(resources.map(({ uri }) => uri).sort()).toEqual([
    'claw://notes/note_1',
    'claw://proofs/proof_1',
    'claw://reports/12',
  ])
  const { resourceTemplates } = await place.client.listResourceTemplates()
  expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate).sort()).toEqual([
    'claw://notes/{note}',
    'claw://proofs/{proof}',
    'claw://reports/{goal}',
  ])
  const texts = await Promise.all(
    resources.map(async ({ uri }) => ((await place.client.readResource({ uri })).contents[0] as { text: string }).text),
  )
  expect(texts.join('\n')).toContain('Redis on 6380')
  expect(texts.join('\n')).toContain('unit tests `npm test`: passed')
  expect(texts.join('\n')).toContain('# Goal 12')
})

test('what is not there is the protocol’s own “not found”', async () => {
  await using place = await aPlace()
  for (const uri of ['claw://notes/note_9', 'claw://proofs/x', 'claw://reports/99', 'claw://nothing/1']) {
    await expect(place.client.readResource({ uri })).rejects.toThrow(/not found|no note|no proof|no goal/i)
  }
})

test('ids are completed', async () => {
  await using place = await aPlace()
  const complete = async (uri: string, name: string, value: string) =>
    (await place.client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value } })).completion.values
  expect(await complete('claw://reports/{goal}', 'goal', '1')).toEqual(['12'])
  expect(await complete('claw://notes/{note}', 'note', 'note')).toEqual(['note_1'])
  expect(await complete('claw://proofs/{proof}', 'proof', 'x')).toEqual([])
  const { completion } = await place.client.complete({
    ref: { type: 'ref/prompt', name: 'review_result' },
    argument: { name: 'what', value: '1' },
  })
  expect(completion.values).toEqual(['12', '1'])
})

test('prompts carry what was typed, and never read it for variables', async () => {
  await using place = await aPlace()
  expect((await place.client.listPrompts()).prompts.map(({ name }) => name)).toEqual([
    'plan_goal',
    'review_result',
    'write_note',
  ])
  const said = async (name: string, args: Record<string, string>) =>
    ((await place.client.getPrompt({ name, arguments: args })).messages[0]!.content as { text: string }).text
  expect(await said('plan_goal', { text: 'Limit {{repo}}', repo: '/srv/shop' })).toMatch(
    /Limit \{\{repo\}\}[\s\S]*\/srv\/shop/,
  )
  expect(await said('review_result', { what: '12.3' })).toContain('12.3')
  expect(await said('write_note', { topic: 'Redis' })).toContain('Redis')
})
