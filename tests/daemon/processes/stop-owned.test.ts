import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { createProcessTable, type ProcessEntry, parsePs, parseStat } from '../../../daemon/processes/process-table.ts'
import { startOwned } from '../../../daemon/processes/start-owned.ts'
import { findByRunId, isSameProcess, ownedBy, stopOwned } from '../../../daemon/processes/stop-owned.ts'

const table = createProcessTable()
const deps = { clock: systemClock, table }

function aProcess(entry: Partial<ProcessEntry> & { pid: number }): ProcessEntry {
  return { parent: 1, group: entry.pid, name: 'x', start: 's', runId: null, ...entry }
}
const owned = { pid: 10, pidStart: 's', runId: 'run_1' }
const pids = (living: ProcessEntry[]) => ownedBy(living, owned).map(({ pid }) => pid)

test("the leader's group, what carries the id, and the children of those are a run's", () => {
  const living = [
    aProcess({ pid: 10, runId: 'run_1' }),
    aProcess({ pid: 11, group: 10 }),
    aProcess({ pid: 12, runId: 'run_1' }),
    aProcess({ pid: 13, runId: 'run_1/check-2' }),
    aProcess({ pid: 14, parent: 12 }),
    aProcess({ pid: 15, parent: 14 }),
    aProcess({ pid: 20 }),
    aProcess({ pid: 21, runId: 'run_12' }),
  ]
  expect(pids(living)).toEqual([10, 11, 12, 13, 14, 15])
})

test('a process that was given the number later is not touched, nor is its group', () => {
  expect(pids([aProcess({ pid: 10, start: 'later' }), aProcess({ pid: 11, group: 10 })])).toEqual([])
})

test('a group that has lost its leader is still known by a member that carries the id', () => {
  expect(pids([aProcess({ pid: 11, group: 10, runId: 'run_1' }), aProcess({ pid: 12, group: 10 })])).toEqual([11, 12])
})

test('stopping what a check started does not stop the run it belongs to', () => {
  const living = [aProcess({ pid: 10, runId: 'run_1' }), aProcess({ pid: 13, runId: 'run_1/check-2' })]
  expect(ownedBy(living, { runId: 'run_1/check-2' }).map(({ pid }) => pid)).toEqual([13])
})

test('the daemon is never its own victim, even if it runs inside a run', () => {
  expect(pids([aProcess({ pid: process.pid, runId: 'run_1' }), aProcess({ pid: 30, parent: process.pid })])).toEqual([])
})

test('a name with brackets and spaces does not confuse the reading of /proc', () => {
  const fields = ['S', '7', '8', ...Array.from({ length: 16 }, () => '0'), '4711', '0', '3']
  expect(parseStat(`42 (a) b (c) ${fields.join(' ')}`, 'boot')).toEqual({
    pid: 42,
    parent: 7,
    group: 8,
    name: 'a) b (c',
    start: '4711@boot',
    rssBytes: 3 * 4096,
  })
  expect(parseStat(`42 (x) Z ${fields.slice(1).join(' ')}`, 'boot')).toBeUndefined()
  expect(parseStat('', 'boot')).toBeUndefined()
})

test('the lines of ps on macOS are read, environment included', () => {
  const line = '  501     1   501  2048 Ss   Mon Nov 23 09:00:00 2026     /bin/sh -c x CLAW_RUN_ID=run_1 HOME=/x'
  expect(parsePs(line)).toEqual({
    pid: 501,
    parent: 1,
    group: 501,
    name: 'sh',
    start: 'Mon Nov 23 09:00:00 2026',
    rssBytes: 2048 * 1024,
    runId: 'run_1',
  })
  expect(parsePs('  501     1   501     0 Z+   Mon Nov 23 09:00:00 2026     (sh)')).toBeUndefined()
  expect(parsePs('nonsense')).toBeUndefined()
})

test('the ps way finds the same processes as /proc does', async () => {
  const child = await startOwned({ table }, { argv: ['/bin/sleep', '1000'], cwd: '/', env: {}, runId: 'run_ps-test' })
  const found = await createProcessTable('darwin').find(child.pid)
  expect(found).toMatchObject({ pid: child.pid, group: child.pid, parent: process.pid })
  await stopOwned(deps, child, { graceMs: 0 })
})

test('a program that was never released has never run, and ends with the daemon that did not release it', async () => {
  const runId = `run_launcher-${process.pid}`
  const child = await startOwned({ table }, { argv: ['/bin/echo', 'I ran'], cwd: '/', env: {}, runId })
  expect(await isSameProcess(table, child.pid, child.pidStart)).toBe(true)
  expect((await findByRunId(table, runId)).map(({ pid }) => pid)).toEqual([child.pid])
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  child.abandon()
  expect(await child.ended).toEqual({ exitCode: 1, signal: null })
  expect(said).toBe('')
})

test('the pid stays the same when the launcher becomes the program', async () => {
  const runId = `run_same-${process.pid}`
  const child = await startOwned(
    { table },
    { argv: ['/bin/sh', '-c', 'echo $$; sleep 1000'], cwd: '/', env: {}, runId },
  )
  child.release()
  const [said] = (await child.stdout[Symbol.asyncIterator]().next()).value.toString().split('\n')
  expect(Number(said)).toBe(child.pid)
  expect(await isSameProcess(table, child.pid, child.pidStart)).toBe(true)
  expect(await isSameProcess(table, child.pid, `${child.pidStart}x`)).toBe(false)
  expect(await stopOwned(deps, child, { graceMs: 0 })).toEqual([])
  expect(await isSameProcess(table, child.pid, child.pidStart)).toBe(false)
})

test('after a crash of the daemon leftovers are found by their id, in other sessions too, and nobody else is touched', async () => {
  const runId = `run_crash-${process.pid}`
  const stranger = spawn('/bin/sleep', ['1000'], { env: { CLAW_RUN_ID: `${runId}0` }, stdio: 'ignore' })
  const child = await startOwned(
    { table },
    {
      argv: ['/bin/sh', '-c', 'setsid sleep 1000 & setsid sleep 1000 & echo up; wait'],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      runId,
    },
  )
  child.release()
  await child.stdout[Symbol.asyncIterator]().next()
  // Only what the row holds, and the leader is gone already.
  process.kill(child.pid, 'SIGKILL')
  await child.ended
  expect(await stopOwned(deps, { pid: child.pid, pidStart: child.pidStart, runId }, { graceMs: 0 })).toEqual([])
  expect(await findByRunId(table, runId)).toEqual([])
  expect(stranger.exitCode).toBeNull()
  expect(process.kill(stranger.pid!, 0)).toBe(true)
  stranger.kill('SIGKILL')
})
