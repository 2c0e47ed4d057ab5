/** What a daemon costs that has nothing to do. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../core/clock.ts'
import { type Figure, figure } from '../figures.ts'
import { addGoal, cpuMsOf, finished, openRoom, planOf, writes } from './room.ts'

/** What a start leaves behind is given back after ten seconds, what a goal took after less. */
const SETTLE_MS = 12_000
/** The memory's engine is let go of after twenty; by now it must be gone. */
const LET_GO_MS = 90_000
const WATCH_MS = 5_000
const REPEATS = 3

export async function measure(): Promise<Figure[]> {
  const fresh: Reading[] = []
  const used: Reading[] = []
  const rested: Reading[] = []
  const heldMs: number[] = []
  for (let n = 0; n < REPEATS; n++) {
    await using room = openRoom()
    const daemon = await room.start()
    fresh.push(await watch(daemon.pid))
    const repository = room.repository({ 'README.md': '# Idle\n' })
    await finished(daemon, await addGoal(daemon, repository, planOf(['a', 'b', 'c', 'd'], writes)))
    const endedAt = systemClock.monotonic()
    used.push(await watch(daemon.pid))
    heldMs.push((await letGo(daemon.pid)) - endedAt)
    rested.push(await watch(daemon.pid))
  }
  const note =
    'PSS counts the Node program itself only in part while other Nodes run; private is what it costs beside them'
  return [
    figure(
      'PSS after the start, children included',
      'MB',
      fresh.map((one) => one.pssMb),
      { goal: '≤ 120', note },
    ),
    figure(
      'private memory after the start',
      'MB',
      fresh.map((one) => one.privateMb),
    ),
    figure(
      'RSS after the start',
      'MB',
      fresh.map((one) => one.rssMb),
    ),
    figure(
      'PSS after a goal of four tasks',
      'MB',
      used.map((one) => one.pssMb),
      { note: "with the memory's engine, which has just written down what the goal taught" },
    ),
    figure('from the end of the goal until the engine is gone', 'ms', heldMs),
    figure(
      'PSS after a goal of four tasks, at rest',
      'MB',
      rested.map((one) => one.pssMb),
      { goal: '≤ 120' },
    ),
    figure(
      'RSS after a goal of four tasks, at rest',
      'MB',
      rested.map((one) => one.rssMb),
    ),
    figure(
      'private memory after a goal of four tasks, at rest',
      'MB',
      rested.map((one) => one.privateMb),
    ),
    figure(
      'CPU while idle',
      '%',
      [...fresh, ...rested].map((one) => one.cpuPercent),
      { note: `over ${WATCH_MS / 1000} s` },
    ),
  ]
}

interface Reading {
  pssMb: number
  privateMb: number
  rssMb: number
  cpuPercent: number
}

async function watch(pid: number): Promise<Reading> {
  await sleep(SETTLE_MS)
  const before = cpuMsOf(pid, { children: true })
  await sleep(WATCH_MS)
  const cpuPercent = ((cpuMsOf(pid, { children: true }) - before) / WATCH_MS) * 100
  const sums = { pssMb: 0, privateMb: 0, rssMb: 0 }
  for (const each of familyOf(pid)) {
    const text = readFileSync(`/proc/${each}/smaps_rollup`, 'utf8')
    const mb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024
    sums.pssMb += mb('Pss')
    sums.privateMb += mb('Private_Clean') + mb('Private_Dirty')
    sums.rssMb += mb('Rss')
  }
  return { ...sums, cpuPercent }
}

/** Waits until the daemon has been alone for a while; says when it began to be. */
async function letGo(pid: number): Promise<number> {
  const end = systemClock.monotonic() + LET_GO_MS
  let aloneSince = systemClock.monotonic()
  while (systemClock.monotonic() - aloneSince < SETTLE_MS) {
    await sleep(250)
    if (familyOf(pid).length > 1) aloneSince = systemClock.monotonic()
    if (aloneSince > end) throw new Error(`the daemon has other processes ${LET_GO_MS} ms after its goal`)
  }
  return aloneSince
}

/** The process and all that descend from it. */
function familyOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(familyOf)]
}
