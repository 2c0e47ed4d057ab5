/** `claw status` as the owner waits for it, Node's own start included. */
import { spawnSync } from 'node:child_process'
import { type Figure, figure } from '../figures.ts'
import { fillStore, GOALS } from './full-store.ts'
import { type BenchRoom, CLAW, openRoom } from './room.ts'

const REPEATS = 15

export async function measure(): Promise<Figure[]> {
  await using room = openRoom()
  const bare = timesOf(room, ['-e', '0'])
  let daemon = await room.start()
  const status = timesOf(room, [CLAW, 'status'])
  await daemon.stop()
  await fillStore(room)
  daemon = await room.start()
  const full = timesOf(room, [CLAW, 'status'])
  const list = timesOf(room, [CLAW, 'goal', 'list'])
  await daemon.stop()
  return [
    figure('node -e 0, for comparison', 'ms', bare),
    figure('claw status', 'ms', status, { goal: '≤ 200' }),
    figure(`claw status, ${GOALS} goals`, 'ms', full, { goal: '≤ 200' }),
    figure(`claw goal list, ${GOALS} goals`, 'ms', list),
  ]
}

function timesOf(room: BenchRoom, args: string[]): number[] {
  const times: number[] = []
  // The first one fills the compile cache.
  for (let n = 0; n <= REPEATS; n++) {
    const startedAt = performance.now()
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: room.dir, env: room.env, encoding: 'utf8' })
    if (n > 0) times.push(performance.now() - startedAt)
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  }
  return times
}
