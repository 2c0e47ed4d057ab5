import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { getRun, listAsks } from '../../../daemon/store/rows.ts'
import { addTwoGoals, type McpPlace, openMcpPlace, wordsOf } from '../../fakes/mcp-place.ts'

async function aPlace(file?: string) {
  const place = await openMcpPlace(file === undefined ? {} : { file })
  if ((await place.store.db.selectFrom('goal').selectAll().execute()).length === 0) await addTwoGoals(place)
  return place
}

async function ask(place: McpPlace, input: object, runId = 'run_11') {
  const client = await place.connect(place.runToken(runId))
  const result = await client.callTool({
    name: 'ask_owner',
    arguments: { question: 'Per user?', waitSeconds: 0, ...input },
  })
  return {
    ...(result.structuredContent as { state: string; ask: number; answer: string | null }),
    words: wordsOf(result),
    result,
  }
}

const stateOf = async (place: McpPlace) => (await getRun(place.store.db, 'run_11')).state

test('it waits for the answer, and the run says that it waits', async () => {
  await using place = await aPlace()
  const answer = ask(place, { waitSeconds: 600, choices: ['Per user', 'Per address'] })
  await expect.poll(() => stateOf(place), { timeout: 10_000 }).toBe('waiting')
  const [open] = await place.runInbox.list()
  expect(open).toMatchObject({ kind: 'question', question: 'Task 1.1: Per user?', taskId: 'task_11' })
  expect(open!.choices.map(({ id, label }) => `${id} ${label}`)).toEqual([
    'a Per user',
    'b Per address',
    'other Something else, in words',
  ])
  await place.runInbox.answer(String(open!.number), { choice: 'b', by: 'cli' })
  expect(await answer).toMatchObject({
    state: 'answered',
    answer: 'Per address',
    words: 'The owner answers: Per address',
  })
  expect(await stateOf(place)).toBe('running')
})

test('words beside and instead of a choice arrive', async () => {
  await using place = await aPlace()
  await ask(place, { choices: ['Yes', 'No'] })
  await place.runInbox.answer('1', { choice: 'other', text: 'Only for guests', by: 'cli' })
  expect((await ask(place, { choices: ['Yes', 'No'] })).answer).toBe('Only for guests')
  await ask(place, { question: 'And admins?' })
  await place.runInbox.answer('2', { text: 'Never', by: 'cli' })
  expect((await ask(place, { question: 'And admins?' })).answer).toBe('Never')
})

test('the same words are the same question, however they are spaced', async () => {
  await using place = await aPlace()
  const first = await ask(place, {})
  const second = await ask(place, { question: '  per   USER? ' })
  expect([first.state, second.state, second.ask]).toEqual(['open', 'open', first.ask])
  expect((await listAsks(place.store.db)).length).toBe(1)
  expect((await ask(place, { question: 'Per address?' })).ask).toBe(2)
})

test('an answer that was given while nobody waited is there for who asks again, and again', async () => {
  await using place = await aPlace()
  const { ask: number } = await ask(place, {})
  await place.runInbox.answer(String(number), { text: 'Yes', by: 'cli' })
  expect((await ask(place, {})).answer).toBe('Yes')
  // The first answer may have been lost on its way.
  expect((await ask(place, {})).answer).toBe('Yes')
})

test('the question and its answer outlive a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'claw-ask-'))
  const file = join(folder, 'claw.db')
  {
    await using before = await aPlace(file)
    await ask(before, {})
  }
  {
    await using after = await aPlace(file)
    await after.runInbox.answer('1', { text: 'Yes', by: 'cli' })
    expect(await ask(after, {})).toMatchObject({ state: 'answered', ask: 1, answer: 'Yes' })
  }
  rmSync(folder, { recursive: true })
})

test('when the time is up the ask stays open and the run goes on', async () => {
  await using place = await aPlace()
  const { state, words } = await ask(place, {})
  expect([state, await stateOf(place)]).toEqual(['open', 'running'])
  expect(words).toContain('call ask_owner again with exactly the same words')
})

test('a question whose subject is gone is closed, and a later run asks anew', async () => {
  await using place = await aPlace()
  await ask(place, {})
  const { mootAsk } = await import('../../../daemon/inbox/ask.ts')
  await place.store.transaction(async (tx) => mootAsk(tx, 1, (await listAsks(tx))[0]!))
  expect(await ask(place, {})).toMatchObject({ state: 'open', ask: 2 })
})

test('a task asks no more than twenty questions', async () => {
  await using place = await aPlace()
  for (let n = 0; n < 20; n++) await ask(place, { question: `Question ${n}?` })
  const { result, words } = await ask(place, { question: 'One more?' })
  expect([result.isError, words]).toEqual([true, expect.stringContaining('Decide yourself')])
  expect((await ask(place, { question: 'Another task?' }, 'run_12')).state).toBe('open')
})
