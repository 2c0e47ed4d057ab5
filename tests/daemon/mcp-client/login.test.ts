import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLoginPlace } from './login-place.ts'
import { openOutside } from './room.ts'

const forRuns = { runs: true, tools: { '*': 'allow' } }

async function loggedIn(
  login: string,
  room: Awaited<ReturnType<typeof openOutside>>,
  browse: (url: string) => Promise<Response>,
) {
  const { url } = await room.tools.login(login)
  const page = await browse(url)
  await expect.poll(async () => (await room.tools.list({ isFresh: false }))[0]!.login).toBe('done')
  return page
}

test('a remote server that wants a login says so; after it, its tools are there and the token is kept 0600', async () => {
  await using remote = await openLoginPlace()
  await using room = await openOutside({ docs: { url: remote.url, ...forRuns } })
  expect(await room.tools.offered('runs')).toEqual([])
  expect(await room.tools.list({ isFresh: false })).toMatchObject([{ state: 'login-needed', login: 'none' }])
  const page = await loggedIn('docs', room, remote.browse)
  expect(await page.text()).toContain('You may close this page')
  expect((await room.tools.offered('runs')).map(({ name }) => name)).toEqual(['docs__read'])
  const answer = await room.call('docs__read', {})
  // What it answers holds our token; that goes to nobody.
  expect(JSON.stringify(answer)).toContain('your token is [secret]')
  const [file] = readdirSync(room.file('logins'))
  const path = join(room.file('logins'), file!)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(JSON.parse(readFileSync(path, 'utf8')).tokens.access_token).toBe(remote.seen.authorizations.at(-1))
})

test('an ended token is refreshed without the owner, also by the next daemon', async () => {
  await using remote = await openLoginPlace()
  await using room = await openOutside({ docs: { url: remote.url, ...forRuns } })
  await loggedIn('docs', room, remote.browse)
  await room.call('docs__read', {})
  remote.expire()
  expect(await room.call('docs__read', {})).toMatchObject({ state: 'answered' })
  expect(remote.seen.refreshed).toBe(1)
  await room.tools[Symbol.asyncDispose]()
  remote.expire()
  await using again = await room.open()
  const call = { to: 'runs' as const, who: room.who, name: 'docs__read', input: {} }
  expect(await again.call(call, 0, new AbortController().signal)).toMatchObject({ state: 'answered' })
  expect(remote.seen).toMatchObject({ refreshed: 2, registered: 1 })
})

test('a login that cannot be refreshed is asked for again, and one that is forgotten is gone', async () => {
  await using remote = await openLoginPlace()
  await using room = await openOutside({ docs: { url: remote.url, ...forRuns } })
  await loggedIn('docs', room, remote.browse)
  await room.call('docs__read', {})
  remote.forget()
  await expect(room.call('docs__read', {})).rejects.toMatchObject({ code: 'tool_server_unavailable' })
  await loggedIn('docs', room, remote.browse)
  expect(await room.call('docs__read', {})).toMatchObject({ state: 'answered' })
  await room.tools.logout('docs')
  expect(readdirSync(room.file('logins'))).toEqual([])
})

test('an answer with another state is not taken, and a server without a login says so', async () => {
  await using remote = await openLoginPlace()
  await using room = await openOutside({ docs: { url: remote.url, ...forRuns } })
  const { url } = await room.tools.login('docs')
  const forged = new URL(url)
  forged.searchParams.set('state', 'forged')
  expect((await remote.browse(forged.href)).status).toBe(404)
  expect(await room.tools.list({ isFresh: false })).toMatchObject([{ login: 'waiting' }])
  await expect(room.tools.login('nope')).rejects.toMatchObject({ code: 'tool_not_found' })
})
