import { expect, test } from 'vitest'
import { TOKEN } from '../fakes/fake-app.ts'
import { openMcpPlace, wordsOf } from '../fakes/mcp-place.ts'
import { anAsk } from '../fakes/views.ts'

async function aPlace() {
  const place = await openMcpPlace()
  place.inbox.put(anAsk())
  return place
}

test.each(['modern', 'legacy'] as const)(
  'without an answer the person at the client is asked, with the ask’s choices (%s)',
  async (era) => {
    await using place = await aPlace()
    let form: { message: string; requestedSchema: { properties: Record<string, { enum?: string[] }> } } | undefined
    const client = await place.connect(TOKEN, {
      era,
      elicit: (params) => {
        form = params
        return { action: 'accept', content: { choice: 'refuse', text: 'Too much' } }
      },
    })
    const result = await client.callTool({ name: 'answer_ask', arguments: { ask: '1' } })
    expect(form?.message).toContain('Is this plan right?')
    expect(form?.requestedSchema.properties['choice']?.enum).toEqual(['approve', 'refuse'])
    expect(result.structuredContent).toMatchObject({
      answer: { choice: 'refuse', text: 'Too much', by: 'mcp (in person)' },
    })
  },
)

test.each(['decline', 'cancel'])('a person who says %s leaves the ask open', async (action) => {
  await using place = await aPlace()
  const client = await place.connect(TOKEN, { elicit: () => ({ action }) })
  const result = await client.callTool({ name: 'answer_ask', arguments: { ask: '1' } })
  expect([result.isError, wordsOf(result)]).toEqual([true, expect.stringContaining('stays open')])
  expect((await place.inbox.get('1')).state).toBe('open')
})

test.each(['modern', 'legacy'] as const)('a client that can show no form is told so (%s)', async (era) => {
  await using place = await aPlace()
  const client = await place.connect(TOKEN, { era })
  const result = await client.callTool({ name: 'answer_ask', arguments: { ask: '1' } })
  expect([result.isError, wordsOf(result)]).toEqual([true, expect.stringContaining('needs a choice or text')])
  expect((await place.inbox.get('1')).state).toBe('open')
})

test('an answer that no choice fits is refused, whoever gave it', async () => {
  await using place = await aPlace()
  const client = await place.connect(TOKEN, { elicit: () => ({ action: 'accept', content: { choice: 'burn it' } }) })
  const result = await client.callTool({ name: 'answer_ask', arguments: { ask: '1' } })
  expect(result.isError).toBe(true)
  expect((await place.inbox.get('1')).state).toBe('open')
})

test('of two answers the first wins, and the second is told who it was', async () => {
  await using place = await aPlace()
  const client = await place.connect(TOKEN)
  await client.callTool({ name: 'answer_ask', arguments: { ask: '1', choice: 'approve' } })
  const second = await client.callTool({ name: 'answer_ask', arguments: { ask: '1', choice: 'refuse' } })
  expect([second.isError, wordsOf(second)]).toEqual([true, expect.stringContaining('ask_answered')])
  expect((await place.inbox.get('1')).answer?.choice).toBe('approve')
})
