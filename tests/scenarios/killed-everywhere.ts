/**
 * A goal during which the daemon is killed with -9, at a given moment or time, and started again: the same
 * question at the end, wherever it was.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { askFinalQuestions, type Facts, factsOf } from './final-questions.ts'
import { addGoal, createScene, Gone, isEndOf, type Life, type Scene, settled } from './harness.ts'

const FILES = { 'a.txt': 'a was here\n', 'b.txt': 'b was here\n', 'c.txt': 'c was here\n' }

export interface Outcome {
  /** Whether the moment came at all. */
  killed: boolean
  /** The moment's name. */
  at: string
  wrong: string[]
}

/** Sends the goal until it is acknowledged, and waits for its end. Answers its id, or undefined where the daemon died. */
async function carryThrough(life: Life, scene: Scene, key: string): Promise<string | undefined> {
  try {
    if (!(await life.ready)) return undefined
    const goal = await addGoal(life, scene, key)
    return (await life.until(isEndOf(goal.id))) ? goal.id : undefined
  } catch (error) {
    if (error instanceof Gone) return undefined
    throw error
  }
}

/** Two tasks side by side and one after them, killed once at the nth moment. */
export async function killAtMoment(nth: number): Promise<Outcome> {
  await using scene = createScene()
  const momentsFile = join(scene.dir, 'moments')
  const first = scene.start({ killAt: nth, momentsFile })
  await carryThrough(first, scene, 'one')
  // Work goes on after the goal has ended: what is left behind is tidied up.
  if (scene.kills() === 0) await settled(scene, first)
  if (scene.kills() === 0) await first.stop()
  const { signal, code } = await first.exited
  const at = readFileSync(momentsFile, 'utf8').trim().split('\n').at(-1) ?? ''
  const wrong: string[] = []
  if (signal !== 'SIGKILL' && code !== 0) wrong.push(`the first daemon ended with ${signal ?? code}: ${first.words()}`)
  const facts = [factsOf(scene)]
  const acknowledged = existsSync(scene.paths.databaseFile) && facts[0]!.events.size > 0
  const second = scene.start()
  if (!(await second.ready)) wrong.push(`the second daemon did not start: ${second.words()}`)
  else wrong.push(...(await finish(second, scene, facts, acknowledged)))
  return { killed: signal === 'SIGKILL', at, wrong }
}

async function finish(life: Life, scene: Scene, facts: Facts[], _acknowledged: boolean): Promise<string[]> {
  try {
    const id = await carryThrough(life, scene, 'one')
    if (id === undefined) return [`the second daemon died: ${life.words()}`]
    await settled(scene, life)
    await life.stop()
    const { code } = await life.exited
    return [
      ...(code === 0 ? [] : [`the second daemon ended with ${code}`]),
      ...(await askFinalQuestions(scene, { files: FILES, facts })),
    ]
  } catch (error) {
    return [`${String(error)}\n${life.words().slice(-3000)}\n${JSON.stringify(scene.rows('select * from job'))}`]
  }
}
