import { expect, test } from 'vitest'
import { MINUTE } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { PORT, TOKEN } from '../../fakes/fake-app.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { addTwoGoals, openMcpPlace } from '../../fakes/mcp-place.ts'

async function aPlace() {
  const clock = createFakeClock()
  const place = await openMcpPlace({ world: { clock, log: silentLog } })
  const post = (body: object, headers: Record<string, string> = {}, token = TOKEN) =>
    place.app.request(`http://127.0.0.1:${PORT}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify(body),
    })
  const hello = async (capabilities: object) => {
    const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'old', version: '1' } }
    const response = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
    await response.text()
    return response.headers.get('mcp-session-id')
  }
  const list = async (session: string, token = TOKEN) => {
    const response = await post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, { 'mcp-session-id': session }, token)
    const text = await response.text()
    return { status: response.status, text }
  }
  return { ...place, clock, hello, list }
}

test('only a client that can be asked something gets a session', async () => {
  await using place = await aPlace()
  expect(await place.hello({})).toBeNull()
  expect(await place.hello({ sampling: {} })).toBeNull()
  const session = await place.hello({ elicitation: {} })
  expect(session).toMatch(/^[0-9a-f-]{36}$/)
  expect((await place.list(session!)).text).toContain('add_goal')
})

test('with any other token a session does not exist', async () => {
  await using place = await aPlace()
  await addTwoGoals(place)
  const session = (await place.hello({ elicitation: {} }))!
  const { secret } = await place.tokens.create({ name: 'phone', scopes: ['read'], days: null })
  for (const token of [secret, place.runToken('run_11')]) expect((await place.list(session, token)).status).toBe(404)
  expect((await place.list('made-up')).status).toBe(404)
  expect((await place.list(session)).status).toBe(200)
})

test('a session without its token is nothing', async () => {
  await using place = await aPlace()
  const session = (await place.hello({ elicitation: {} }))!
  expect((await place.list(session, 'claw_none')).status).toBe(401)
})

test('sessions are bounded, and idle ones go first', async () => {
  await using place = await aPlace()
  const first = (await place.hello({ elicitation: {} }))!
  const second = (await place.hello({ elicitation: {} }))!
  expect((await place.list(first)).status).toBe(200)
  for (let n = 0; n < 63; n++) await place.hello({ elicitation: {} })
  // The one that was used last of the two stays.
  expect([(await place.list(first)).status, (await place.list(second)).status]).toEqual([200, 404])
  await place.clock.advance(31 * MINUTE)
  await place.hello({ elicitation: {} })
  expect((await place.list(first)).status).toBe(404)
})
