import { expect, test } from 'vitest'
import { PORT, TOKEN } from '../../fakes/fake-app.ts'
import { type McpPlace, openMcpPlace } from '../../fakes/mcp-place.ts'
import { aGoalView } from '../../fakes/views.ts'

async function send(place: McpPlace, body: string, more: Record<string, string> = {}) {
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    accept: 'application/json, text/event-stream',
    ...more,
  }
  return place.app.request(`http://127.0.0.1:${PORT}/mcp`, { method: 'POST', headers, body })
}

const callOf = (name: string, params: object = {}) =>
  JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: {}, ...params } })

test('a plain call is answered in one piece; where progress is wanted, or time may pass, as a stream', async () => {
  await using place = await openMcpPlace()
  place.goals.put(aGoalView())
  const typeOf = async (body: string, more = {}) => {
    const response = await send(place, body, more)
    const text = await response.text()
    expect([response.status, text]).toEqual([200, expect.stringContaining('"id":7')])
    return response.headers.get('content-type')
  }
  expect(await typeOf(callOf('list_goals'))).toBe('application/json')
  expect(await typeOf(callOf('list_goals'), { 'mcp-protocol-version': '2025-06-18' })).toBe('application/json')
  expect(await typeOf(callOf('list_goals', { _meta: { progressToken: 1 } }))).toBe('text/event-stream')
  expect(await typeOf(callOf('watch_goal', { arguments: { goal: '1', waitSeconds: 0 } }))).toBe('text/event-stream')
})

test('the shorter way says the same of what is wrong as the longer one', async () => {
  await using place = await openMcpPlace()
  const words = async (body: string, more = {}) => {
    const response = await send(place, body, more)
    return [response.status, await response.text()] as const
  }
  expect((await words(callOf('lst_goals')))[1]).toContain('Tool lst_goals not found')
  expect((await words(callOf('list_goals', { arguments: { state: 'odd' } })))[1]).toContain('"isError":true')
  expect(await words('{"jsonrpc":')).toEqual([400, expect.stringContaining('-32700')])
  expect(await words(callOf('list_goals'), { accept: 'text/html' })).toEqual([406, expect.stringContaining('-32000')])
  for (const revision of ['1999-01-01', '2025-01-01']) {
    const [status, text] = await words(callOf('list_goals'), { 'mcp-protocol-version': revision })
    expect([status, text]).toEqual([400, expect.stringContaining(revision)])
  }
  const batch = `[${callOf('list_goals')},${callOf('show_status').replace('"id":7', '"id":8')}]`
  const [status, text] = await words(batch, { 'mcp-protocol-version': '2025-03-26' })
  expect([status, text.includes('"id":7'), text.includes('"id":8')]).toEqual([200, true, true])
})

test('a run that has ended gets nothing on the shorter way either', async () => {
  await using place = await openMcpPlace()
  const response = await send(place, callOf('brief'), { authorization: `Bearer ${place.runToken('run_77')}` })
  expect(response.status).toBe(401)
})
