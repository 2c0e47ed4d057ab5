import { createServer } from 'node:net'
import { hc } from 'hono/client'
import { expect, test } from 'vitest'
import type { App } from '../../../daemon/http/app.ts'
import { serveHttp } from '../../../daemon/http/serve.ts'
import { createFakeApp, TOKEN } from '../../fakes/fake-app.ts'

/** A real server over the fakes, on a free port. */
async function serving() {
  let port = 0
  const fake = createFakeApp({ port: () => port })
  const server = await serveHttp({ app: fake.app, port: 0, closing: fake.closing, world: fake.world })
  port = server.port
  const headers = { authorization: `Bearer ${TOKEN}` }
  return { ...fake, server, headers, [Symbol.asyncDispose]: () => server.close() }
}

test('the typed client reaches every answer', async () => {
  await using place = await serving()
  const client = hc<App>(place.server.url, { headers: place.headers })
  const added = await client.v1.goals.$post({ json: { text: 'Do it' } })
  expect((await added.json()).goal.number).toBe(1)
  const { goals } = await (await client.v1.goals.$get({ query: { state: 'open' } })).json()
  expect(goals.map(({ goal }) => goal.text)).toEqual(['Do it'])
})

test('it listens on loopback only', async () => {
  await using place = await serving()
  expect(place.server.url).toBe(`http://127.0.0.1:${place.server.port}`)
})

test('closing ends open event streams and then takes nobody', async () => {
  await using place = await serving()
  const response = await fetch(`${place.server.url}/v1/events`, {
    headers: { ...place.headers, accept: 'text/event-stream' },
  })
  const reader = response.body!.getReader()
  await reader.read()
  const [, rest] = await Promise.all([place.server.close(), reader.read()])
  expect(rest.done).toBe(true)
  await expect(fetch(`${place.server.url}/healthz`)).rejects.toThrow('fetch failed')
})

test('a client that vanishes in the middle of a stream is let go', async () => {
  await using place = await serving()
  const gone = new AbortController()
  const headers = { ...place.headers, accept: 'text/event-stream' }
  const response = await fetch(`${place.server.url}/v1/events`, { headers, signal: gone.signal })
  await response.body!.getReader().read()
  expect(place.events.listeners).toBe(1)
  gone.abort()
  await expect.poll(() => place.events.listeners, { timeout: 10_000 }).toBe(0)
})

test('a port that is taken is said in one line', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const { app, closing, world } = createFakeApp()
  await expect(serveHttp({ app, port, closing, world })).rejects.toMatchObject({
    code: 'config_invalid',
    message: `Port ${port} on 127.0.0.1 is taken by another program`,
  })
  await new Promise((resolve) => other.close(resolve))
})
