/** kill -9 in the middle of a turn; then how long until a new daemon is ready, and until the agent is asked for its session. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, figure } from '../figures.ts'
import { addGoal, journal, openRoom, planOf } from './room.ts'

const REPEATS = 7
const POLL_MS = 5
const WAIT_MS_MAX = 30_000

export async function measure(): Promise<Figure[]> {
  await using room = openRoom()
  const repository = room.repository({ 'README.md': '# Resume\n' })
  let daemon = await room.start()
  await addGoal(
    daemon,
    repository,
    planOf(['a'], () => [{ do: 'sleep', ms: 10 * 60_000 }]),
  )
  await until(() => count(room, 'session/prompt') === 1)
  const ready: number[] = []
  const loaded: number[] = []
  for (let n = 1; n <= REPEATS; n++) {
    const killedAt = Date.now()
    await daemon.kill()
    daemon = await room.start()
    ready.push(daemon.readyMs)
    await until(() => count(room, 'session/load') === n)
    loaded.push(journal(room).findLast(({ method }) => method === 'session/load')!.at - killedAt)
    // In the middle of a turn again.
    await until(() => count(room, 'session/prompt') === n + 1)
  }
  await daemon.kill()
  return [
    figure('killed to session/load at the agent', 'ms', loaded, {
      goal: '≤ 2000',
      note: 'the new daemon is started at once; its agent is a Node program',
    }),
    figure('spawn to ready after a kill', 'ms', ready),
  ]
}

function count(room: Parameters<typeof journal>[0], method: string): number {
  return journal(room).filter((line) => line.method === method).length
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += POLL_MS) {
    if (waited > WAIT_MS_MAX) throw new Error('the agent was not asked')
    await sleep(POLL_MS)
  }
}
