import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { writeHomeFiles } from '../../../daemon/agents/private-home.ts'
import { serveHttp } from '../../../daemon/http/serve.ts'
import { createRunServers } from '../../../daemon/mcp/run-servers.ts'
import { addTwoGoals, openMcpPlace } from '../../fakes/mcp-place.ts'

/** The command as a run has it: in its private HOME, with its environment alone. */
async function aRunAtWork() {
  let port = 0
  const place = await openMcpPlace({ port: () => port })
  await addTwoGoals(place)
  const server = await serveHttp({ app: place.app, port: 0, closing: place.closing, world: place.world })
  port = server.port
  const home = mkdtempSync(`${tmpdir()}/claw-run-home-`)
  const { servers, command } = createRunServers({
    url: () => server.url,
    tokens: place.runTokens,
    node: process.execPath,
  })
  const { files, env } = command({ id: 'run_11' }, { home, path: '/usr/bin:/bin' })
  writeHomeFiles(home, files)
  const say = (line: string, over: Record<string, string> = {}) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(
        '/bin/sh',
        ['-c', line],
        { env: { HOME: home, ...env, ...over }, timeout: 50_000 },
        (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
      )
    })
  return {
    ...place,
    servers,
    say,
    async [Symbol.asyncDispose]() {
      await server.close()
      await place[Symbol.asyncDispose]()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

test('each word does what the tool of a run does', async () => {
  await using run = await aRunAtWork()
  expect((await run.say('claw-run brief')).stdout).toContain('# Task 1.1: Task 1.1 (attempt 1)')
  expect((await run.say('claw-run remember --lesson Tests want Redis')).stdout).toContain('Kept.')
  expect([...run.memory.notes.values()]).toMatchObject([
    { text: 'Tests want Redis', kind: 'lesson', scope: 'repo:repo_1' },
  ])
  expect((await run.say('claw-run recall "what about redis"')).stdout).toContain('Tests want Redis')
  expect((await run.say('echo "from a pipe" | claw-run scratch -')).stdout).toBe('Written.\n')
  expect((await run.say('claw-run scratch')).stdout).toContain('from a pipe')
  expect((await run.say('claw-run progress half way')).stdout).toBe('Told.\n')
})

test('ask waits for the owner', async () => {
  await using run = await aRunAtWork()
  const asked = run.say('claw-run ask "Per user?" --choice Yes --choice No')
  await expect.poll(async () => (await run.runInbox.list()).length, { timeout: 20_000 }).toBe(1)
  await run.runInbox.answer('1', { choice: 'a', by: 'cli' })
  expect((await asked).stdout).toBe('The owner answers: Yes\n')
})

test('what is wrong is said in one line with an exit code', async () => {
  await using run = await aRunAtWork()
  expect(await run.say('claw-run')).toMatchObject({ code: 0, stdout: expect.stringContaining('usage: claw-run brief') })
  expect(await run.say('claw-run land it')).toMatchObject({ code: 2, stderr: expect.stringContaining('usage') })
  expect(await run.say('claw-run brief', { CLAW_RUN_TOKEN: 'x' })).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('opens nothing here'),
  })
  expect(await run.say('claw-run brief', { CLAW_RUN_TOKEN: '' })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('only a run'),
  })
  expect(await run.say('claw-run brief', { CLAW_RUN_URL: 'http://127.0.0.1:1/mcp' })).toMatchObject({ code: 3 })
})

test('an agent that takes MCP servers gets the same place, under the name that the broker knows', async () => {
  await using run = await aRunAtWork()
  const [server, ...more] = run.servers({ id: 'run_11' })
  expect([server!.name, more]).toEqual(['claw', []])
  expect(server!.headers).toEqual({ authorization: `Bearer ${run.runToken('run_11')}` })
})
