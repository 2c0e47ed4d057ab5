import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { createContainment } from '../../../daemon/processes/containment.ts'
import type { ProcessLimits } from '../../../daemon/processes/control-groups.ts'
import { findControlGroups } from '../../../daemon/processes/control-groups.ts'
import { createProcessTable } from '../../../daemon/processes/process-table.ts'
import { findByRunId } from '../../../daemon/processes/stop-owned.ts'
import { aSandboxPlace, users } from '../sandbox/a-sandbox.ts'

const MB = 1024 * 1024
const SMALL: ProcessLimits = { memoryBytesMax: 300 * MB, processesMax: 60, diskBytesMax: 64 * MB }
const table = createProcessTable()
const groups = findControlGroups(SMALL, { pid: process.pid })
if (!groups)
  console.log('skipped in part: no control groups that may be used here, and a fork bomb without them is no kindness')
const probe = await aSandboxPlace('root')
probe?.[Symbol.dispose]()
if (!probe) console.log('skipped: no sandbox works here')

describe.skipIf(!probe).each(users)('what runs away is ended with all it started, and nothing else, as %s', (user) => {
  let serial = 0
  let rooms: Disposable[] = []
  afterEach(() => {
    for (const room of rooms) room[Symbol.dispose]()
    rooms = []
  })

  async function runAway(script: string, options: { outputBytesEnd?: number } = {}) {
    const place = (await aSandboxPlace(user))!
    rooms.push(place)
    const contained = createContainment({
      clock: systemClock,
      table,
      limits: SMALL,
      groups,
      lookMs: 100,
      measureMs: 100,
    })
    const runId = `run_away-${process.pid}-${user}-${serial++}`
    const neighbour = `${runId}-neighbour`
    const other = place.inside(
      'sleep 300 & wait',
      {},
      { runId: neighbour, timeoutMs: 60_000, signal: stopOthers.signal },
    )
    await expect.poll(async () => (await findByRunId(table, neighbour)).length).toBeGreaterThan(0)
    using watch = contained.watch({ runId, folders: [place.worktree, join(place.clawHome, 'home')] })
    const end = await place.inside(
      script,
      {},
      { runId, timeoutMs: 60_000, signal: watch.overrun, wrap: watch.wrap, ...options },
    )
    expect(await findByRunId(table, runId), 'nothing of it is alive').toEqual([])
    expect((await findByRunId(table, neighbour)).length, 'its neighbour lives').toBeGreaterThan(0)
    stopOthers.abort()
    await other
    stopOthers = new AbortController()
    return { ...end, overrun: end.overrun ?? watch.findOverrun()?.message ?? null, place }
  }
  let stopOthers = new AbortController()

  test.skipIf(!groups)('a fork bomb', async () => {
    // Should nobody end it, it ends itself.
    const end = await runAway('( sleep 15; kill -9 -1 ) & bomb() { bomb | bomb & }; bomb; sleep 60')
    expect(end).toMatchObject({ overrun: expect.stringContaining('more than 60 processes'), timedOut: false })
  })

  test('memory', async () => {
    const end = await runAway(`perl -e '$x = "a" x (500 * 1024 * 1024); sleep 60'`)
    expect(end.overrun).toContain('300 MB of memory')
  })

  test('a log without end in a file stops at the disk limit, and the run with it', async () => {
    const end = await runAway('yes "the same line again" > log || true; echo more > more; sleep 60')
    expect(end.overrun ?? end.tail).toMatch(/64 MB|File size limit/)
    expect(statSync(join(end.place.worktree, 'log')).size).toBeLessThanOrEqual(64 * MB)
  })

  test('many files that fill the disk', async () => {
    const end = await runAway('i=0; while :; do head -c 4000000 /dev/zero > "$HOME/part-$i"; i=$((i + 1)); done')
    expect(end.overrun).toContain('its folders hold more than 64 MB')
  })

  test('output without end', async () => {
    const end = await runAway('yes "and on and on"', { outputBytesEnd: 5 * MB })
    expect(end).toMatchObject({ overrun: expect.stringContaining('5 MB of output'), timedOut: false })
    expect(end.outputBytes).toBeLessThan(200 * MB)
  })

  test('what goes about its work is left alone', async () => {
    const end = await runAway('for i in 1 2 3 4 5; do head -c 100000 /dev/zero > f$i; sleep 0.1; done; echo done')
    expect(end).toMatchObject({ exitCode: 0, overrun: null, tail: 'done\n' })
  })
})

test('a private scratch folder cannot fill memory without bound', async () => {
  const place = await aSandboxPlace('root')
  if (!place) return console.log('skipped: no sandbox works here')
  using _ = place
  const end = await place.inside('df --output=size -k /tmp /var/tmp /dev/shm | tail -n 3; ! touch /dev/claw-was-here')
  expect(end.exitCode, end.tail).toBe(0)
  for (const size of end.tail.trim().split('\n').slice(0, 3)) expect(Number(size)).toBeLessThanOrEqual(1024 * 1024)
})

test('without anything to watch nothing is looked at', async () => {
  let looks = 0
  const counting = {
    ...table,
    list: async () => {
      looks++
      return []
    },
  }
  const contained = createContainment({ clock: systemClock, table: counting, limits: SMALL, lookMs: 5 })
  const folder = mkdtempSync(join(tmpdir(), 'claw-contain-'))
  mkdirSync(join(folder, 'x'))
  const watch = contained.watch({ runId: 'run_1', folders: [folder] })
  await expect.poll(() => looks).toBeGreaterThan(2)
  watch[Symbol.dispose]()
  await systemClock.sleep(30)
  const after = looks
  await systemClock.sleep(50)
  expect(looks).toBe(after)
  rmSync(folder, { recursive: true })
  expect(existsSync(folder)).toBe(false)
})
