/** From spawn to "is ready", as `npm start` and `claw` start it: with the compiled code of an earlier start. */
import { type Figure, figure } from '../figures.ts'
import { fillStore, GOALS } from './full-store.ts'
import { openRoom } from './room.ts'

const REPEATS = 11

export async function measure(): Promise<Figure[]> {
  return [
    figure('spawn to ready, empty home', 'ms', await timesOf(false), { goal: '≤ 500' }),
    figure(`spawn to ready, ${GOALS} goals`, 'ms', await timesOf(true), { goal: '≤ 1000' }),
  ]
}

async function timesOf(isFull: boolean): Promise<number[]> {
  await using room = openRoom()
  await (await room.start()).stop()
  if (isFull) await fillStore(room)
  const times: number[] = []
  for (let n = 0; n < REPEATS; n++) {
    const daemon = await room.start()
    times.push(daemon.readyMs)
    await daemon.stop()
  }
  return times
}
