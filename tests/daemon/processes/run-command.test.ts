import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { isFault } from '../../../core/fault.ts'
import { createProcessTable } from '../../../daemon/processes/process-table.ts'
import { type CommandOptions, runCommand } from '../../../daemon/processes/run-command.ts'
import { findByRunId } from '../../../daemon/processes/stop-owned.ts'

let folder: string
let runId: string
const table = createProcessTable()
let serial = 0

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-command-'))
  runId = `run_command-test-${process.pid}-${serial++}`
})
afterEach(async () => {
  for (const entry of await findByRunId(table, runId)) process.kill(entry.pid, 'SIGKILL')
  rmSync(folder, { recursive: true })
})

function run(script: string, options: Partial<CommandOptions> = {}) {
  return runCommand(
    { clock: systemClock, table },
    {
      argv: ['/bin/sh', '-c', script],
      cwd: folder,
      env: { PATH: '/usr/bin:/bin' },
      runId,
      timeoutMs: 30_000,
      outputBytesMax: 1_000_000,
      ...options,
    },
  )
}

test('answers the exit code and the output of both streams in the order they were written', async () => {
  let seen = ''
  const end = await run('echo one; echo two >&2; echo three; exit 7', {
    onOutput: (chunk) => {
      seen += chunk
    },
  })
  expect(end).toMatchObject({ exitCode: 7, signal: null, timedOut: false, aborted: false, truncated: false })
  expect(seen).toBe('one\ntwo\nthree\n')
  expect(end.tail).toBe('one\ntwo\nthree\n')
})

test('gives the command nothing of its own environment but what was listed and the run id', async () => {
  const end = await run('env | cut -d= -f1 | sort | tr "\\n" " "')
  expect(end.tail.split(' ').filter((name) => name && !['PWD', '_', 'OLDPWD', 'SHLVL'].includes(name))).toEqual([
    'CLAW_RUN_ID',
    'PATH',
  ])
})

test('ends a command at its time limit, with children that ignore TERM', async () => {
  const end = await run('trap "" TERM; (trap "" TERM; sleep 1000) & sleep 1000', { timeoutMs: 200, graceMs: 50 })
  expect(end).toMatchObject({ timedOut: true, exitCode: null, signal: 'SIGKILL' })
  expect(await findByRunId(table, runId)).toEqual([])
})

test('lets a command tidy up when it is told to end', async () => {
  const stop = new AbortController()
  const end = await run('trap "echo tidy; exit 3" TERM; echo up; while :; do sleep 0.01; done', {
    signal: stop.signal,
    graceMs: 20_000,
    onOutput: (chunk) => (String(chunk).includes('up') ? stop.abort() : undefined),
  })
  expect(end).toMatchObject({ aborted: true, exitCode: 3, tail: expect.stringContaining('tidy') })
})

test('ends what outlives the command: in its group, in a session of its own, and without the environment', async () => {
  const end = await run(
    `setsid sleep 1001 & sleep 1002 & setsid sh -c 'sleep 1003 & sleep 1004' & (env -i sleep 1005) &
     while [ $(ps -eo args | grep -c '^sleep 100[1-5]') -lt 5 ]; do sleep 0.01; done; echo ready`,
  )
  expect(end).toMatchObject({ exitCode: 0, tail: 'ready\n' })
  const left = (await table.list()).filter((entry) => entry.name === 'sleep')
  const words = left.map((entry) => readArguments(entry.pid))
  expect(words.filter((line) => /^sleep 100[1-5]/.test(line))).toEqual([])
})

test('keeps memory and sink bounded under endless output, and still shows the end of it', async () => {
  let seen = 0
  const end = await run('head -c 30000000 /dev/zero | tr "\\0" x; echo the end', {
    outputBytesMax: 1000,
    onOutput: (chunk) => {
      seen += chunk.length
    },
  })
  expect(seen).toBe(1000)
  expect(end).toMatchObject({ exitCode: 0, truncated: true, outputBytes: 30_000_008 })
  expect(end.tail.length).toBe(16 * 1024)
  expect(end.tail.endsWith('xthe end\n')).toBe(true)
})

test('holds the command back while the sink is busy', async () => {
  let busy = 0
  let most = 0
  await run('head -c 2000000 /dev/zero', {
    outputBytesMax: 10_000_000,
    async onOutput() {
      most = Math.max(most, ++busy)
      await new Promise((resolve) => setImmediate(resolve))
      busy--
    },
  })
  expect(most).toBe(1)
})

test('feeds its input, and does not mind a command that never reads it', async () => {
  expect((await run('cat', { input: 'hello' })).tail).toBe('hello')
  expect((await run('exit 0', { input: 'x'.repeat(1_000_000) })).exitCode).toBe(0)
})

test('a folder that is not there is a fault; a program that is not there is exit code 127', async () => {
  const missing = await run('true', { cwd: join(folder, 'nowhere') }).catch((error) => error)
  expect(isFault(missing, 'command_missing')).toBe(true)
  expect((await run('', { argv: ['no-such-program-here'] })).exitCode).toBe(127)
})

function readArguments(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
