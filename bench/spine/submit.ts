/** A goal over HTTP: from the request to the answer, which is given when the goal is on the disk (synced). */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, figure } from '../figures.ts'
import { fillStore, GOALS } from './full-store.ts'
import { type BenchRoom, type Daemon, openRoom } from './room.ts'

const REPEATS = 60

export async function measure(): Promise<Figure[]> {
  await using room = openRoom()
  const daemon = await room.start()
  const repo = room.repository({ 'README.md': '# Submit\n' })
  const first = await submit(daemon, repo)
  const alone = await oneByOne(room, daemon, repo)
  const burst: number[] = []
  for (let n = 0; n < REPEATS; n++) burst.push(await submit(daemon, repo))
  await daemon.stop()
  return [
    figure('goal submit, daemon idle', 'ms', alone, { goal: '≤ 10 (p50)' }),
    figure('goal submit, one after the other without pause', 'ms', burst, { note: 'goals before it are at work' }),
    figure(`goal submit, daemon idle, ${GOALS} goals`, 'ms', await withManyGoals(), { goal: '≤ 10 (p50)' }),
    figure('first goal of a repository', 'ms', [first], { note: 'makes Claw’s clone' }),
  ]
}

async function withManyGoals(): Promise<number[]> {
  await using room = openRoom()
  await fillStore(room)
  const daemon = await room.start()
  const repo = room.repository({ 'README.md': '# Submit\n' })
  await submit(daemon, repo)
  // Awaited here: the room goes when this returns.
  return await oneByOne(room, daemon, repo)
}

/** Nothing else is at work when the next one comes. */
async function oneByOne(room: BenchRoom, daemon: Daemon, repo: string): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < REPEATS; n++) {
    while (room.rows('select id from job where runAt < ?', Date.now()).length > 0) await sleep(20)
    times.push(await submit(daemon, repo))
  }
  return times
}

async function submit(daemon: Daemon, repo: string): Promise<number> {
  const startedAt = performance.now()
  await daemon.request('POST', '/v1/goals', { text: 'Make it better', repo, autonomy: 'ask-plan' })
  return performance.now() - startedAt
}
