import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { createProcessTable } from '../../daemon/processes/process-table.ts'
import { git } from '../fakes/repositories.ts'
import type { Script } from '../fakes/scripted-agent.ts'
import { askFinalQuestions } from './final-questions.ts'
import {
  addGoal,
  aPlannedTask,
  createScene,
  idsIn,
  isEndOf,
  type Life,
  openAsks,
  type Scene,
  settled,
  show,
} from './harness.ts'

/** An agent that is at work when the daemon dies and does it when it is spoken to again. */
const LONG_WORK: Script = {
  turns: [
    [
      { do: 'write', path: 'half.txt', text: 'half\n' },
      { do: 'sleep', ms: 600_000 },
    ],
    [
      { do: 'remove', path: 'half.txt' },
      { do: 'write', path: 'a.txt', text: 'a was here\n' },
    ],
  ],
}
const A = { 'a.txt': 'a was here\n' }

const started = async (scene: Scene): Promise<Life> => {
  const life = scene.start()
  expect(await life.ready, life.words()).toBe(true)
  return life
}

/** Until the agents of so many tasks are in the middle of their turn. */
async function working(life: Life, many = 1): Promise<void> {
  const busy = new Set<string>()
  await life.until((event) => {
    if (event.type === 'run.updated' && (event.data as { kind: string }).kind === 'tool done') busy.add(event.runId!)
    return busy.size >= many
  })
}

async function finished(scene: Scene, life: Life, goalId: string): Promise<void> {
  expect(await life.until(isEndOf(goalId)), life.words()).toBeDefined()
  await settled(scene, life)
  await life.stop()
  expect(await life.exited).toEqual({ code: 0, signal: null })
}

/** Which requests the agents got that open a session, in order. */
const openings = (scene: Scene) =>
  scene
    .journal()
    .filter(({ method }) => method === 'session/new' || method === 'session/load')
    .map(({ method }) => method)

async function livingOf(scene: Scene): Promise<string[]> {
  const ids = new Set(idsIn(scene))
  const living = await createProcessTable().list()
  return living.filter((entry) => entry.runId && ids.has(entry.runId.split('/')[0]!)).map((entry) => entry.name)
}

test('a run whose daemon is killed goes on in its session, in the same run, with its half-done work', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps: LONG_WORK })] })
  await working(first)
  await first.kill()
  const second = await started(scene)
  await finished(scene, second, goal.id)
  expect(openings(scene)).toEqual(['session/new', 'session/load'])
  expect(await askFinalQuestions(scene, { files: A })).toEqual([])
})

test('SIGTERM with agents at work is orderly: they end, nothing waits, and their sessions go on after the next start', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const tasks = [
    aPlannedTask('a', { steps: LONG_WORK }),
    aPlannedTask('b', {
      // Hears neither a cancel nor TERM.
      steps: {
        turns: [
          [{ do: 'ignore-term' }, { do: 'write', path: 'b.txt', text: 'half\n' }, { do: 'deaf' }],
          [{ do: 'write', path: 'b.txt', text: 'b was here\n' }],
        ],
      },
    }),
  ]
  const goal = await addGoal(first, scene, 'one', { tasks })
  await working(first, 2)
  await first.stop()
  expect(await first.exited).toEqual({ code: 0, signal: null })
  expect(first.words()).not.toContain('took too long')
  expect(existsSync(scene.paths.daemonFile)).toBe(false)
  expect(await livingOf(scene)).toEqual([])
  expect(scene.rows('select state, outcome from run')).toEqual([
    { state: 'running', outcome: null },
    { state: 'running', outcome: null },
  ])

  const second = await started(scene)
  await finished(scene, second, goal.id)
  expect(openings(scene).filter((method) => method === 'session/new')).toHaveLength(2)
  expect(openings(scene).filter((method) => method === 'session/load')).toHaveLength(2)
  const wrong = await askFinalQuestions(scene, { files: { ...A, 'b.txt': 'b was here\n' }, morePrompts: 1 })
  expect(wrong).toEqual([])
})

const ASKS: Script = [
  {
    do: 'ask',
    kind: 'execute',
    command: 'make world',
    yes: [{ do: 'write', path: 'a.txt', text: 'a was here\n' }],
  },
]

async function untilAsked(life: Life): Promise<number> {
  const event = await life.until(({ type }) => type === 'ask.opened')
  if (!event) throw new Error(`nothing was asked:\n${life.words()}`)
  return (event.data as { number: number }).number
}

test('a question outlives the daemon that asked it, and is not asked again', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps: ASKS })] })
  const number = await untilAsked(first)
  await first.kill()
  expect(scene.rows('select state from run')).toEqual([{ state: 'waiting' }])

  const second = await started(scene)
  expect((await openAsks(second)).map((ask) => ask.number)).toEqual([number])
  await second.request('POST', `/v1/inbox/${number}/answer`, { choice: 'allow' })
  await finished(scene, second, goal.id)
  expect(scene.rows('select number from ask')).toEqual([{ number }])
  expect(await askFinalQuestions(scene, { files: A })).toEqual([])
})

test('an answer that was acknowledged in the daemon’s last moment reaches the agent, without a second question', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps: ASKS })] })
  const number = await untilAsked(first)
  await first.request('POST', `/v1/inbox/${number}/answer`, { choice: 'allow' })
  await first.kill()

  const second = await started(scene)
  await finished(scene, second, goal.id)
  expect(scene.rows('select number, state from ask')).toEqual([{ number, state: 'answered' }])
  expect(await askFinalQuestions(scene, { files: A })).toEqual([])
})

/** An agent whose time for tools ends before its owner answers: it ends its turn, its work undone. */
const GIVES_UP_WAITING: Script = {
  turns: [
    [{ do: 'run', command: 'timeout 2 claw-run ask Which colour?; true' }],
    [{ do: 'when', contains: 'The owner answers: blue', yes: [{ do: 'write', path: 'a.txt', text: 'a was here\n' }] }],
  ],
}

test('a turn that ends with a question open is not the end of the work: it goes on with the answer', async () => {
  await using scene = createScene()
  const life = await started(scene)
  const goal = await addGoal(life, scene, 'one', { tasks: [aPlannedTask('a', { steps: GIVES_UP_WAITING })] })
  const number = await untilAsked(life)
  await life.until(({ type, data }) => type === 'run.updated' && (data as { text: string }).text === 'done')
  await life.request('POST', `/v1/inbox/${number}/answer`, { text: 'blue' })
  await finished(scene, life, goal.id)
  expect(scene.rows('select number, state from ask')).toEqual([{ number, state: 'answered' }])
  expect(scene.rows('select attempt, turns from run')).toEqual([{ attempt: 1, turns: 2 }])
})

test('killed while such a question is open, the next daemon waits for the same answer', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps: GIVES_UP_WAITING })] })
  const number = await untilAsked(first)
  await first.until(({ type, data }) => type === 'run.updated' && (data as { text: string }).text === 'done')
  await first.kill()

  const second = await started(scene)
  await second.request('POST', `/v1/inbox/${number}/answer`, { text: 'blue' })
  await finished(scene, second, goal.id)
  expect(scene.rows('select number, state from ask')).toEqual([{ number, state: 'answered' }])
  expect(await askFinalQuestions(scene, { files: A })).toEqual([])
})

test('an answer that the agent had before the crash is given to the session that goes on', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const steps: Script = [
    { do: 'ask', kind: 'execute', command: 'make world', yes: [{ do: 'write', path: 'a.txt', text: 'a was here\n' }] },
    // The first time it is in the middle of something when the daemon dies.
    { do: 'when', contains: 'started anew', no: [{ do: 'sleep', ms: 600_000 }] },
  ]
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps })] })
  const number = await untilAsked(first)
  await first.request('POST', `/v1/inbox/${number}/answer`, { choice: 'allow' })
  await working(first)
  await first.kill()
  expect(scene.rows('select settledAt is not null as settled from ask')).toEqual([{ settled: 1 }])

  const second = await started(scene)
  await finished(scene, second, goal.id)
  expect(scene.rows('select number from ask')).toEqual([{ number }])
  expect(await askFinalQuestions(scene, { files: A })).toEqual([])
})

test('the owner’s words for a running task are told to it after a crash, once', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const steps: Script = {
    turns: [
      [
        { do: 'write', path: 'a.txt', text: 'a in grey\n' },
        { do: 'sleep', ms: 600_000 },
      ],
      [{ do: 'when', contains: 'make it purple', yes: [{ do: 'write', path: 'a.txt', text: 'a in purple\n' }] }],
      [{ do: 'write', path: 'a.txt', text: 'a told twice\n' }],
    ],
  }
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps })] })
  await working(first)
  await first.request('POST', '/v1/tasks/1.1/steer', { text: 'make it purple' })
  await first.kill()
  const second = await started(scene)
  await finished(scene, second, goal.id)
  expect(scene.rows('select takenAt is not null as taken from steer')).toEqual([{ taken: 1 }])
  expect(await askFinalQuestions(scene, { files: { 'a.txt': 'a in purple\n' } })).toEqual([])
})

test('a cancel that was acknowledged is carried out by the next daemon, and the work so far is kept', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps: LONG_WORK })] })
  await working(first)
  const cancelled = first.until((event) => event.type === 'goal.dropped')
  const asked = first.request('POST', '/v1/goals/1/cancel', {}).catch(() => {})
  // As early as anybody can know of it: the agent is still alive.
  await cancelled
  await first.kill()
  await asked

  const second = await started(scene)
  await finished(scene, second, goal.id)
  expect(openings(scene)).toEqual(['session/new'])
  expect(await askFinalQuestions(scene, { files: {}, dropped: [1] })).toEqual([])
  const [run] = scene.rows<{ id: string; outcome: string }>('select id, outcome from run')
  expect(run?.outcome).toBe('stopped')
  const [{ gitDir } = { gitDir: '' }] = scene.rows<{ gitDir: string }>('select gitDir from repository')
  expect(git(gitDir, 'show', `refs/claw/preserved/${run?.id}:half.txt`)).toBe('half')
})

test('a pause that was acknowledged holds after a crash, and the session goes on when it is over', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps: LONG_WORK })] })
  await working(first)
  const paused = first.until((event) => event.type === 'goal.paused')
  const asked = first.request('POST', '/v1/goals/1/pause', {}).catch(() => {})
  await paused
  await first.kill()
  await asked

  const second = await started(scene)
  await second.until((event) => event.type === 'run.ended')
  await settled(scene, second)
  expect((await show(second, 1)).goal.state).toBe('paused')
  expect(await livingOf(scene)).toEqual([])
  expect(openings(scene)).toEqual(['session/new'])

  await second.request('POST', '/v1/goals/1/resume', {})
  await finished(scene, second, goal.id)
  expect(openings(scene)).toEqual(['session/new', 'session/load'])
  expect(await askFinalQuestions(scene, { files: A, runsPerTask: 2 })).toEqual([])
})

test('a daemon that is killed over and over while it starts loses nothing', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps: LONG_WORK })] })
  await working(first)
  await first.kill()
  for (const killAt of [1, 3, 6, 9, 12, 15]) {
    const { signal } = await scene.start({ killAt }).exited
    expect(signal).toBe('SIGKILL')
  }
  const last = await started(scene)
  await finished(scene, last, goal.id)
  expect(openings(scene).filter((method) => method === 'session/new')).toHaveLength(1)
  expect(await askFinalQuestions(scene, { files: A })).toEqual([])
})

test('a task that was between an agent’s hands and the owner’s when the daemon died is worked on again', async () => {
  await using scene = createScene()
  const first = await started(scene)
  const goal = await addGoal(first, scene, 'one', { tasks: [aPlannedTask('a', { steps: LONG_WORK })] })
  await working(first)
  await first.kill()
  // As `take` leaves the rows when it dies after the agent was stopped.
  const database = new DatabaseSync(scene.paths.databaseFile)
  database.exec(
    `update run set state = 'ended', outcome = 'stopped', note = 'taken', endedAt = startedAt; delete from job`,
  )
  database.close()

  const second = await started(scene)
  await finished(scene, second, goal.id)
  expect(await askFinalQuestions(scene, { files: A, runsPerTask: 2 })).toEqual([])
})
