/** Eight agents that sleep two seconds and write a file: how long beyond the two seconds? */
import { type Figure, figure } from '../figures.ts'
import { addGoal, cpuMsOf, finished, openRoom } from './room.ts'
import { stubConfig, stubPlan } from './stub.ts'

const WIDTH = 8
const SLEEP_S = 2
const REPEATS = 5

export async function measure(): Promise<Figure[]> {
  await using room = openRoom({ config: stubConfig(WIDTH) })
  const daemon = await room.start()
  const keys = Array.from({ length: WIDTH }, (_, n) => `file-${n}`)
  const written: number[] = []
  const landed: number[] = []
  const cpu: number[] = []
  for (let n = 0; n <= REPEATS; n++) {
    const repository = room.repository({ 'README.md': `# ${n}\n` }, `repository-${n}`)
    const cpuBefore = cpuMsOf(daemon.pid, { children: true })
    const events = await finished(daemon, await addGoal(daemon, repository, stubPlan(keys, SLEEP_S)))
    const ready = events.find((event) => event.type === 'task.moved' && event.data.to === 'ready')!.at
    const captured = events.filter((event) => event.type === 'run.captured').at(-1)!.at
    const done = events.filter((event) => event.type === 'task.moved' && event.data.to === 'done').at(-1)!.at
    if (n === 0) continue
    written.push(captured - ready)
    landed.push(done - ready)
    cpu.push(cpuMsOf(daemon.pid, { children: true }) - cpuBefore)
  }
  await daemon.stop()
  const ratio = written.map((ms) => ms / (SLEEP_S * 1000))
  return [
    figure('eight tasks, first ready to last captured', '×', ratio, {
      goal: '≤ 1.15',
      note: 'against the 2 s of sleep; checks come after it',
    }),
    figure('eight tasks, first ready to last captured', 'ms', written),
    figure('eight tasks, first ready to last landed', 'ms', landed, {
      note: 'each proven in a clean checkout, then merged and proven again, one after the other',
    }),
    figure('CPU of the goal of eight tasks, with all its programs', 'ms', cpu),
  ]
}
