/** An agent that talks without pause, and a client that follows it: what comes through, and how fast. */
import { type Figure, figure } from '../figures.ts'
import { addGoal, follow, openRoom, planOf } from './room.ts'

const UPDATES = 15_000
const REPEATS = 3

export async function measure(): Promise<Figure[]> {
  const rates: number[] = []
  const lost: number[] = []
  for (let n = 0; n < REPEATS; n++) {
    await using room = openRoom()
    const daemon = await room.start()
    const repository = room.repository({ 'README.md': '# Stream\n' })
    const goal = await addGoal(
      daemon,
      repository,
      planOf(['a'], (key) => [
        { do: 'flood', updates: UPDATES, bytes: 100 },
        { do: 'write', path: `${key}.txt`, text: 'done\n' },
      ]),
    )
    let first = 0
    let last = 0
    let came = 0
    for await (const event of follow(daemon, { goal: goal.id })) {
      if (event.type === 'run.updated' && event.data.kind === 'text') {
        first ||= performance.now()
        last = performance.now()
        came += event.data.text.split('x'.repeat(100)).length - 1
      }
      if (event.type === 'run.ended') break
    }
    rates.push(came / ((last - first) / 1000))
    lost.push(UPDATES - came)
    await daemon.stop()
  }
  return [
    figure('agent updates through to SSE', '/s', rates, {
      goal: '≥ 5000',
      note: `${UPDATES} updates of 100 bytes, from the first to arrive to the last`,
    }),
    figure('agent updates lost', 'count', lost, { goal: '0' }),
  ]
}
