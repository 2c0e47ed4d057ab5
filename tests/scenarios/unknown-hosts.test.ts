import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { findProgram } from '../../daemon/sandbox/find-sandbox.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { fileAt, openRoom, plan, task } from './daemon-room.ts'

const curl = findProgram('curl', process.env['PATH'] ?? '')
if (!curl) console.log('skipped: curl is not installed')

async function aServer() {
  const server = createServer((_request, answer) => answer.end('good\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** A server of this machine stands for one far away: through the proxy, by its address and port. */
const fetchWith = (port: number) =>
  `curl -sS -m 60 --noproxy '' -x http://127.0.0.1:3128 http://127.0.0.1:${port}/ > a.txt || true`

test.skipIf(!curl)('an agent’s connection to an unknown host waits for the owner, whose answer opens it', async () => {
  const room = await openRoom()
  if ((await room.daemon.health()).sandbox.name === 'none') return console.log('skipped: no sandbox works here')
  const port = await aServer()
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(plan([task('a', [{ do: 'run', command: fetchWith(port) }])]), repository)
  const ask = await room.openAsk('host')
  expect(ask).toMatchObject({ fingerprint: `127.0.0.1:${port}`, runId: expect.any(String), taskId: expect.any(String) })
  await room.answer('host', 'once')
  const end = await room.settled()
  expect(end.goal.state, room.picture()).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
})

test.skipIf(!curl)('a host that the configuration names is not asked about', async () => {
  const port = await aServer()
  const room = await openRoom({ config: { sandbox: { hosts: [`127.0.0.1:${port}`] } } })
  if ((await room.daemon.health()).sandbox.name === 'none') return console.log('skipped: no sandbox works here')
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(plan([task('a', [{ do: 'run', command: fetchWith(port) }])]), repository)
  expect((await room.settled()).goal.state, room.picture()).toBe('met')
  expect(
    (await room.events()).some(({ type, data }) => type === 'ask.opened' && JSON.stringify(data).includes('host')),
  ).toBe(false)
})
