import { expect, test } from 'vitest'
import { odd, openOutside } from '../mcp-client/room.ts'

test('tools are listed, agreed to, and what is wrong is a problem', async () => {
  await using room = await openOutside({ docs: odd('good') })
  const list = async (query = '') =>
    ((await (await room.call_(`/v1/tools${query}`)).json()) as { servers: object[] }).servers
  expect(await list()).toMatchObject([{ name: 'docs', state: 'idle', tools: [] }])
  expect(await list('?fresh=true')).toMatchObject([
    { state: 'ready', tools: [{ name: 'delete_all', verdict: 'ask', state: 'on' }, { offeredAs: 'docs__search' }] },
  ])
  const agreed = await room.call_('/v1/tools/docs/agree', { json: {} })
  expect([agreed.status, await agreed.json()]).toEqual([200, expect.objectContaining({ name: 'docs' })])
  const wrong = await room.call_('/v1/tools/dcos/agree', { json: {} })
  expect([wrong.status, await wrong.json()]).toEqual([404, expect.objectContaining({ hint: 'Did you mean docs?' })])
  const login = await room.call_('/v1/tools/docs/login', { json: {} })
  expect([login.status, await login.json()]).toEqual([400, expect.objectContaining({ code: 'input_invalid' })])
})
