import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { expect, onTestFinished, test } from 'vitest'
import { findDaemonFile } from '../../config/daemon-file.ts'
import { pathsIn } from '../../config/paths.ts'
import { wordsOf } from '../fakes/mcp-place.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { claw, LAUNCHER } from './run-claw.ts'

/** A home where nothing runs, and the SDK's client on `claw mcp` as it stands in clients' configs. */
async function aHome() {
  const home = mkdtempSync(join(tmpdir(), 'claw-mcp-starts-'))
  const paths = pathsIn(home)
  onTestFinished(async () => {
    await claw(['daemon', 'stop'], { home })
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  })
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, CLAW_HOME: home, TZ: 'UTC' }
  const connect = async () => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(
      new StdioClientTransport({ command: process.execPath, args: [LAUNCHER, 'mcp'], env, stderr: 'ignore' }),
    )
    onTestFinished(() => client.close())
    return client
  }
  return { home, paths, connect }
}

test('starts the daemon where none runs, adds a goal to it, and leaves it running when the client has gone', async () => {
  const { home, paths, connect } = await aHome()
  expect(existsSync(paths.daemonFile)).toBe(false)
  const client = await connect()
  const status = await client.callTool({ name: 'show_status', arguments: {} })
  expect(status.structuredContent).toMatchObject({ goals: { open: 0 } })
  const repo = makeRepository({ 'README.md': '# Hello\n' })
  const added = await client.callTool({ name: 'add_goal', arguments: { text: 'Say hello', repo } })
  expect([added.isError ?? false, wordsOf(added)]).toEqual([false, expect.stringContaining('#1 Say hello')])
  const { pid } = findDaemonFile(paths.daemonFile)!
  await client.close()

  const listed = await claw(['goal', 'list', '--json'], { home })
  expect(JSON.parse(listed.stdout)).toMatchObject([{ goal: { number: 1, text: 'Say hello' } }])
  expect(findDaemonFile(paths.daemonFile)?.pid).toBe(pid)
})

test('two clients that begin at once get one daemon, and one that was stopped is started by the next call', async () => {
  const { home, paths, connect } = await aHome()
  const clients = await Promise.all([connect(), connect()])
  const { pid } = findDaemonFile(paths.daemonFile)!
  for (const client of clients) expect((await client.listTools()).tools.length).toBeGreaterThan(10)
  expect((await claw(['daemon', 'stop'], { home })).code).toBe(0)
  expect(findDaemonFile(paths.daemonFile)).toBeUndefined()
  for (const client of clients) {
    const status = await client.callTool({ name: 'show_status', arguments: {} })
    expect([status.isError ?? false, wordsOf(status)]).toEqual([false, expect.any(String)])
  }
  expect(findDaemonFile(paths.daemonFile)?.pid).not.toBe(pid)
})

test('a configuration that is not understood is told to the client in words, and nothing is left running', async () => {
  const { paths, connect } = await aHome()
  writeFileSync(paths.configFile, 'runs:\n  mox: 3\n')
  await expect(connect()).rejects.toThrow(/mox/)
  expect(existsSync(paths.daemonFile)).toBe(false)
})
