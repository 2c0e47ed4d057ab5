/**
 * Goals during which the daemon is killed with -9, at a given moment or at any time, and started again: the
 * same questions at the end, wherever it was.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../core/clock.ts'
import type { PlannedTask } from '../../core/plan.ts'
import { askFinalQuestions, type Expected, type Facts, factsOf } from './final-questions.ts'
import {
  addGoal,
  aPlannedTask,
  createScene,
  Gone,
  type Life,
  type Scene,
  type SceneOptions,
  settled,
  threeTasks,
} from './harness.ts'

/** What a goal is about, and what has to be on the target branch in the end. */
export interface Story {
  tasks: PlannedTask[]
  files: Record<string, string>
  sharedPaths?: string[]
  /** Runs of each task when nothing is killed; undefined where that depends on who is first. */
  runsPerTask?: number
}

/** Two tasks side by side. */
export const TWO_TASKS: Story = {
  tasks: [aPlannedTask('a'), aPlannedTask('b')],
  files: { 'a.txt': 'a was here\n', 'b.txt': 'b was here\n' },
  runsPerTask: 1,
}

/** Two tasks side by side, one after them. */
export const THREE_TASKS: Story = {
  tasks: threeTasks(),
  files: { 'a.txt': 'a was here\n', 'b.txt': 'b was here\n', 'c.txt': 'c was here\n' },
  runsPerTask: 1,
}

/**
 * One task whose check fails at first and is mended by feedback, one whose agent asks for permission, side by
 * side; one after them.
 */
export const WITH_TROUBLE: Story = {
  tasks: [
    aPlannedTask('a', {
      steps: {
        turns: [
          [{ do: 'write', path: 'a.txt', text: 'nothing yet\n' }],
          [{ do: 'write', path: 'a.txt', text: 'a was here\n' }],
        ],
      },
      check: 'grep -q was a.txt',
    }),
    aPlannedTask('b', {
      steps: [
        {
          do: 'ask',
          kind: 'execute',
          command: 'make world',
          yes: [{ do: 'write', path: 'b.txt', text: 'b was here\n' }],
        },
      ],
    }),
    aPlannedTask('c', { needs: ['a', 'b'], check: 'cat a.txt b.txt c.txt' }),
  ],
  files: { 'a.txt': 'a was here\n', 'b.txt': 'b was here\n', 'c.txt': 'c was here\n' },
}

export interface Outcome {
  /** Whether the moment came at all. */
  killed: boolean
  /** The moment's name. */
  at: string
  wrong: string[]
}

/**
 * Sends goals until they are acknowledged, says yes to whatever is asked, and waits for their ends. Answers
 * whether they all came; false where the daemon died meanwhile.
 */
export async function carryThrough(
  life: Life,
  scene: Scene,
  goals: readonly { key: string; story: Story }[],
): Promise<boolean> {
  try {
    if (!(await life.ready)) return false
    const open = new Set<string>()
    for (const { key, story } of goals) open.add((await addGoal(life, scene, key, { tasks: story.tasks })).id)
    const last = await life.until((event) => {
      if (event.type === 'ask.opened') void allow(life, (event.data as { number: number }).number)
      if (event.type === 'goal.reported' && event.goalId) open.delete(event.goalId)
      return open.size === 0
    })
    return last !== undefined
  } catch (error) {
    if (error instanceof Gone) return false
    throw error
  }
}

async function allow(life: Life, number: number): Promise<void> {
  // An answer that was given in a life before is refused; one that meets a dying daemon is given again.
  await life.request('POST', `/v1/inbox/${number}/answer`, { choice: 'allow' }).catch(() => {})
}

/** A goal during which the daemon is killed once, at the nth moment. */
export async function killAtMoment(nth: number, story: Story = THREE_TASKS): Promise<Outcome> {
  await using scene = createScene()
  const momentsFile = join(scene.dir, 'moments')
  const goals = [{ key: 'one', story }]
  const first = scene.start({ killAt: nth, momentsFile })
  const isDone = await carryThrough(first, scene, goals)
  // Work goes on after the goal has ended: what is left behind is tidied up.
  if (isDone) await settled(scene, first)
  if (isDone && scene.kills() === 0) await first.stop()
  const { signal, code } = await first.exited
  const at = readFileSync(momentsFile, 'utf8').trim().split('\n').at(-1) ?? ''
  const wrong: string[] = []
  if (signal !== 'SIGKILL' && code !== 0) wrong.push(`the first daemon ended with ${signal ?? code}: ${first.words()}`)
  const facts = [factsOf(scene)]
  wrong.push(...(await finish(scene, goals, facts)))
  return { killed: signal === 'SIGKILL', at, wrong }
}

/** The moments of a goal during which nobody is killed, in order. */
export async function namesOfMoments(story: Story): Promise<string[]> {
  await using scene = createScene()
  const momentsFile = join(scene.dir, 'moments')
  const life = scene.start({ killAt: 0, momentsFile })
  const goals = [{ key: 'one', story }]
  if (!(await carryThrough(life, scene, goals))) throw new Error(life.words())
  await settled(scene, life)
  return readFileSync(momentsFile, 'utf8').trim().split('\n')
}

/** The last life: carries everything through, stops in good order; then the questions are asked. */
async function finish(
  scene: Scene,
  goals: readonly { key: string; story: Story }[],
  facts: Facts[],
): Promise<string[]> {
  const life = scene.start()
  try {
    if (!(await carryThrough(life, scene, goals))) return [`the last daemon died:\n${life.words()}`]
    await settled(scene, life)
    await life.stop()
    const { code } = await life.exited
    const runsPerTask = goals.every(({ story }) => story.runsPerTask) ? goals[0]!.story.runsPerTask : undefined
    const expected: Expected = {
      files: Object.assign({}, ...goals.map(({ story }) => story.files)),
      facts,
      runsPerTask: runsPerTask ?? null,
    }
    return [
      ...(code === 0 ? [] : [`the last daemon ended with ${code}: ${life.words()}`]),
      ...(await askFinalQuestions(scene, expected)),
    ]
  } catch (error) {
    return [`${String(error)}\n${life.words().slice(-3000)}`]
  }
}

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export interface RandomKills {
  seed: number
  killsMax: number
  /** The latest moment of a kill, in milliseconds from the start of the process on. */
  withinMs?: number
  stories?: readonly Story[]
  scene?: SceneOptions
}

/** Several goals at once, the daemon killed over and over at random times. Answers what is wrong, and how often it was killed. */
export async function killAtRandom({
  seed,
  killsMax,
  withinMs = 1_800,
  stories = [THREE_TASKS, WITH_TROUBLE, THREE_TASKS],
  scene: sceneOptions = {},
}: RandomKills): Promise<{ kills: number; wrong: string[] }> {
  await using scene = createScene(sceneOptions)
  const random = createRandom(seed)
  const goals = stories.map((story, n) => ({ key: `goal-${n}`, story: withOwnFiles(`goal-${n}`, story) }))
  const facts: Facts[] = []
  for (let kill = 0; kill < killsMax; kill++) {
    const life = scene.start()
    const through = carryThrough(life, scene, goals)
    await Promise.race([systemClock.sleep(50 + random() * withinMs), life.exited])
    await life.kill()
    const isDone = await through
    facts.push(factsOf(scene))
    if (isDone) break
  }
  const wrong = await finish(scene, goals, facts)
  return { kills: scene.kills(), wrong }
}

/** The same story on files of its own, so that goals can go on side by side. */
function withOwnFiles(name: string, story: Story): Story {
  const move = (text: string) => text.replace(/\b([abc])\.txt/g, `${name}-$1.txt`)
  return {
    ...story,
    tasks: JSON.parse(move(JSON.stringify(story.tasks))),
    files: Object.fromEntries(Object.entries(story.files).map(([path, text]) => [move(path), text])),
  }
}
