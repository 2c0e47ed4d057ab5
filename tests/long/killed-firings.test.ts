import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { newId } from '../../core/id.ts'
import type { Schedule } from '../../core/schedule.ts'
import { nextMoments } from '../../daemon/schedules/moments.ts'
import { addSchedule } from '../../daemon/store/schedule-rows.ts'
import { openSqliteStore } from '../../daemon/store/sqlite-store.ts'

const KILLS = 200
const MAIN = fileURLToPath(new URL('firing-daemon.ts', import.meta.url))
/** So many schedules, each firing every second: as many as a shared disk syncs goals for. */
const SCHEDULES = 4

test(`killed ${KILLS} times at random moments around firings, no moment is lost and none makes two goals`, {
  timeout: 1_800_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'claw-killed-'))
  const file = join(dir, 'claw.db')
  const from = Date.now()
  const schedules = Array.from({ length: SCHEDULES }, (_, index) => aSchedule(index, from))
  {
    await using store = openSqliteStore(file)
    for (const schedule of schedules) await addSchedule(store.db, schedule, { idempotencyKey: null, seen: null })
  }
  const random = seeded(20261123)
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const daemon = spawn(process.execPath, [MAIN, file], { stdio: ['ignore', 'pipe', 'inherit'] })
      const gone = new Promise((resolve) => daemon.once('exit', resolve))
      await new Promise((resolve) => daemon.stdout.once('data', resolve))
      // Firings come with each full second; half of the kills are within a few milliseconds of one.
      const untilSecond = 1_000 - (Date.now() % 1_000)
      await systemClock.sleep(random() < 0.5 ? untilSecond + random() * 30 : random() * 300)
      daemon.kill('SIGKILL')
      await gone
    }
    const stoppedAt = Date.now()
    const last = spawn(process.execPath, [MAIN, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => last.stdout.once('data', resolve))
    await using store = openSqliteStore(file)
    // Until everything that was due when it was last killed is settled.
    for (;;) {
      const open = await store.db
        .selectFrom('firing')
        .select('id')
        .where('state', '=', 'due')
        .where('dueAt', '<=', stoppedAt)
        .executeTakeFirst()
      const behind = await store.db
        .selectFrom('schedule')
        .select('id')
        .where('cursorAt', '<', stoppedAt)
        .executeTakeFirst()
      if (!open && !behind) break
      await systemClock.sleep(100)
    }
    last.kill('SIGKILL')
    const firings = await store.db.selectFrom('firing').selectAll().where('dueAt', '<=', stoppedAt).execute()
    const goals = await store.db.selectFrom('goal').select(['id', 'idempotencyKey', 'text']).execute()
    // Nothing lost: every moment of every schedule has its one firing.
    for (const schedule of schedules) {
      const expected = nextMoments(schedule.when as never, from, 100_000).filter((at) => at <= stoppedAt)
      const kept = firings.filter((firing) => firing.scheduleId === schedule.id).map((firing) => firing.dueAt)
      expect(kept.sort((a, b) => a - b)).toEqual(expected)
    }
    // Nothing doubled: each firing that fired has one goal, and no goal is without its firing.
    const fired = firings.filter((firing) => firing.state === 'fired')
    expect(fired.length).toBeGreaterThan(KILLS)
    expect(new Set(fired.map((firing) => firing.goalId)).size).toBe(fired.length)
    const keys = goals.map((goal) => goal.idempotencyKey)
    expect(new Set(keys).size).toBe(keys.length)
    const all = new Set((await store.db.selectFrom('firing').select('id').execute()).map((firing) => firing.id))
    expect(keys.filter((key) => !all.has(key as never))).toEqual([])
    expect(firings.filter((firing) => firing.state !== 'fired')).toEqual([])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

function aSchedule(index: number, from: number): Schedule {
  const second = Math.floor(from / 1_000) * 1_000
  const when = { kind: 'every', everyMs: 1_000, fromAt: second } as const
  return {
    id: newId('schedule', from),
    number: index + 1,
    name: null,
    when,
    words: 'every second',
    template: {
      text: 'Look after it',
      repo: null,
      branch: null,
      land: null,
      autonomy: null,
      minutesMax: null,
      attemptsMax: null,
      usdMax: null,
      agent: null,
    },
    condition: null,
    misfire: 'all',
    overlap: 'queue',
    jitterMs: 0,
    endAt: null,
    firingsMax: null,
    state: 'active',
    reason: null,
    cursorAt: from,
    nextAt: nextMoments(when, from, 1)[0]!,
    fired: 0,
    createdAt: from,
    endedAt: null,
  }
}

/** The same kills each time it is run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
