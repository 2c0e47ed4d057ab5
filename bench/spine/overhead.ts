/**
 * What Claw adds to a task. The agent answers at once and costs nothing to start, the check is `test -s`; what is
 * left of the time is ours: dispatch, worktree, set-up, session, capture, clean checkouts, proof, merge, landing.
 */
import type { StoredEvent } from '../../core/events.ts'
import type { GoalView } from '../../daemon/goals/views.ts'
import { type Figure, figure } from '../figures.ts'
import { addGoal, type BenchRoom, cpuMsOf, type Daemon, finished, openRoom } from './room.ts'
import { stubConfig, stubPlan } from './stub.ts'

const REPEATS = 9

export async function measure(): Promise<Figure[]> {
  const plain = await measureIn('none')
  const confined = await measureIn('auto')
  const stages = Object.keys(plain[0]!.stages)
  return [
    figure(
      'overhead of a task',
      'ms',
      plain.map((one) => one.task),
      { goal: '≤ 500' },
    ),
    figure(
      'overhead of a task, in bubblewrap',
      'ms',
      confined.map((one) => one.task),
      { goal: '≤ 500' },
    ),
    figure(
      'overhead of a goal of one task, submit to report',
      'ms',
      plain.map((one) => one.goal),
    ),
    figure(
      'CPU of a goal of one task, with all its programs',
      'ms',
      plain.map((one) => one.cpu),
      { note: 'hardly depends on what else the machine does' },
    ),
    ...stages.map((stage) =>
      figure(
        `· ${stage}`,
        'ms',
        plain.map((one) => one.stages[stage]!),
      ),
    ),
  ]
}

interface Overhead {
  task: number
  goal: number
  cpu: number
  stages: Record<string, number>
}

async function measureIn(sandbox: 'none' | 'auto'): Promise<Overhead[]> {
  await using room = openRoom({ config: stubConfig(3, sandbox) })
  const daemon = await room.start()
  const results: Overhead[] = []
  for (let n = 0; n <= REPEATS; n++) {
    const result = await once(room, daemon, n)
    // The first one warms up what later ones find warm.
    if (n > 0) results.push(result)
  }
  await daemon.stop()
  return results
}

async function once(room: BenchRoom, daemon: Daemon, n: number): Promise<Overhead> {
  const repository = room.repository({ 'README.md': `# ${n}\n` }, `repository-${n}`)
  const cpuBefore = cpuMsOf(daemon.pid, { children: true })
  const goal = await addGoal(daemon, repository, stubPlan(['a'], 0))
  const events = await finished(daemon, goal)
  const view = await daemon.request<GoalView>('GET', `/v1/goals/${goal.number}`)
  const checksOf = (kind: string) =>
    view.proofs
      .filter((proof) => proof.kind === kind && proof.taskId !== null)
      .flatMap((proof) => proof.results)
      .reduce((sum, { durationMs }) => sum + durationMs, 0)
  const at = (type: StoredEvent['type'], to?: string) => {
    const found = events.find(
      (event) => event.type === type && (to === undefined || (event.data as { to?: string }).to === to),
    )
    if (!found) throw new Error(`no ${type} ${to ?? ''} in ${events.map((event) => event.type)}`)
    return found.at
  }
  const ready = at('task.moved', 'ready')
  const started = at('run.started')
  const opened = at('run.sessionOpened')
  const captured = at('run.captured')
  const landing = at('task.moved', 'landing')
  const done = at('task.moved', 'done')
  return {
    task: done - ready - checksOf('task') - checksOf('landing'),
    goal: at('goal.reported') - at('goal.added') - checksOf('task') - checksOf('landing'),
    cpu: cpuMsOf(daemon.pid, { children: true }) - cpuBefore,
    stages: {
      'added to ready: clone, plan, checks on the base': ready - at('goal.added'),
      'ready to started': started - ready,
      'started to session: worktree, set-up, agent': opened - started,
      'session to captured: turn, stop, capture': captured - opened,
      'captured to proven, without the check': landing - captured - checksOf('task'),
      'proven to landed, without the check': done - landing - checksOf('landing'),
      'landed to reported': at('goal.reported') - done,
    },
  }
}
