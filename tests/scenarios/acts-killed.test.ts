import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import type { Ask } from '../../core/ask.ts'
import { createProcessTable } from '../../daemon/processes/process-table.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { hasSshd, type Machine, saidByCommand, startMachine } from '../fakes/sshd.ts'
import { anAct, aPage, type Page } from './act-plans.ts'
import { createScene, type Life, openAsks, type Scene, settled, show } from './harness.ts'

/** A daemon that is killed with -9 while an act is under way: nothing is done a second time without a look. */
async function begin(scene: Scene, page: Page, turns: Step[][]): Promise<Life> {
  const life = scene.start()
  expect(await life.ready, life.words()).toBe(true)
  const plan = { summary: 's', tasks: [anAct('page', { turns }, page.act)], sharedPaths: [], checks: [], questions: [] }
  await life.request('POST', '/v1/goals', { text: 'Serve it', autonomy: 'auto', plan })
  return life
}

/** Kills the daemon once its agent has come to a standstill. */
async function killAtStandstill(life: Life, words: string, look = () => {}): Promise<void> {
  await life.until((event) => event.type === 'run.updated' && (event.data as { text: string }).text === words)
  look()
  await life.kill()
}

async function again(scene: Scene): Promise<Life> {
  const life = scene.start()
  expect(await life.ready, life.words()).toBe(true)
  return life
}

const sessions = (scene: Scene) =>
  scene.journal().flatMap(({ method }) => (/^session\/(new|load)$/.test(method) ? [method] : []))
const STANDSTILL: Step[] = [{ do: 'run', command: 'echo standstill' }, { do: 'silent' }]

/** Counts each time that the page is set up. */
function counting(machine: Machine, page: Page): Step[] {
  return [...page.serve, { do: 'run', command: `ssh web1 'echo once >> ${machine.folder}/count'` }]
}

/** Neither a folder of ssh's nor an ssh agent outlives what it was opened for. */
async function nothingLeft(machine: Machine, scene: Scene): Promise<void> {
  const folders = readdirSync(tmpdir()).filter((name) => {
    const known = join(tmpdir(), name, 'known_hosts')
    return name.startsWith('claw-ssh-') && existsSync(known) && readFileSync(known, 'utf8').includes(machine.hostKey)
  })
  expect(folders).toEqual([])
  const goals = scene.rows<{ id: string }>('select id from goal').map(({ id }) => id)
  const left = (await createProcessTable().list()).filter(({ runId }) => goals.some((id) => runId?.startsWith(id)))
  expect(left).toEqual([])
}

/** By their command lines, which everybody may read: of an ssh-agent only root reads more. */
function sshAgentsOf(scene: Scene): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
      } catch {
        return [] // it has ended
      }
    })
    .filter((line) => line.includes(scene.dir) && /^\S*ssh-agent /.test(line))
}

describe.runIf(hasSshd)('killed while work outside is under way', () => {
  test('what was done by then is proven by its probes, and no agent is started again', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    await using scene = createScene()
    const first = await begin(scene, page, [[...counting(machine, page), ...STANDSTILL]])
    await killAtStandstill(first, 'echo standstill', () => expect(sshAgentsOf(scene)).toHaveLength(1))
    // Its keys go with the daemon, not only when the next one looks.
    await vi.waitFor(() => expect(sshAgentsOf(scene)).toEqual([]), { timeout: 20_000 })
    const second = await again(scene)
    await second.until((event) => event.type === 'goal.reported')
    const view = await show(second, 1)
    expect(view.goal.state).toBe('met')
    expect(view.taskViews[0]!.runs.map(({ outcome }) => outcome)).toEqual(['lost'])
    expect(sessions(scene)).toEqual(['session/new'])
    expect(readFileSync(join(machine.folder, 'count'), 'utf8')).toBe('once\n')
    expect(view.effects.map(({ state }) => state)).toEqual(['done', 'done'])
    await nothingLeft(machine, scene)
  })

  test('where it is half done a new run is told what may be there, in the same session', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const [keys, ...rest] = page.serve
    await using scene = createScene()
    const first = await begin(scene, page, [
      [keys!, ...STANDSTILL],
      [
        {
          do: 'when',
          contains: 'may have done any part of it',
          yes: [{ do: 'when', contains: 'the deploy key logs in (on web1-deploy', yes: rest }],
        },
      ],
    ])
    await killAtStandstill(first, 'echo standstill')
    const second = await again(scene)
    await second.until((event) => event.type === 'goal.reported')
    const view = await show(second, 1)
    expect(view.goal.state).toBe('met')
    const { runs } = view.taskViews[0]!
    expect(runs.map(({ outcome, failure }) => [outcome, failure])).toEqual([
      ['lost', 'environment'],
      ['done', null],
    ])
    expect(sessions(scene)).toEqual(['session/new', 'session/load'])
    expect(view.taskViews[0]!.task.workFailures).toBe(0)
    const [proof] = view.proofs
    expect(proof!.before!.map(({ passed }) => passed)).toEqual([false, false, false, false, true])
    await nothingLeft(machine, scene)
  })

  test('an undo step that was cut short is not run twice by itself, and the steps after it are run', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const [keys, service] = page.act.effects
    const count = join(machine.folder, 'undone')
    const undo = `echo once >> ${count}; while test -d ${machine.folder} && ! test -e ${machine.folder}/lever; do sleep 0.2; done`
    const slow = { ...page, act: { ...page.act, effects: [keys!, { ...service!, undo }] } }
    await using scene = createScene()
    const first = await begin(scene, slow, [page.serve])
    await first.until((event) => event.type === 'goal.reported')
    await settled(scene, first)
    await first.request('POST', '/v1/goals/1/undo', {})
    const answer = async (life: Life) => {
      const ask = (await openAsks(life)).find(({ kind }: Ask) => kind === 'undo-approval')!
      await life.request('POST', `/v1/inbox/${ask.number}/answer`, { choice: 'yes' })
    }
    await answer(first)
    await expect.poll(() => existsSync(count), { timeout: 30_000 }).toBe(true)
    await first.kill()

    const second = await again(scene)
    await settled(scene, second)
    const view = await show(second, 1)
    expect(view.effects.map(({ state, note }) => [state, saidByCommand(note)])).toEqual([
      ['undone', null],
      ['failed', 'cut short by a restart; look before it is run again'],
    ])
    expect(readFileSync(count, 'utf8')).toBe('once\n')
    writeFileSync(join(machine.folder, 'lever'), '')
    await second.request('POST', '/v1/goals/1/undo', {})
    await answer(second)
    await settled(scene, second)
    expect((await show(second, 1)).effects.map(({ state }) => state)).toEqual(['undone', 'undone'])
    await nothingLeft(machine, scene)
  })
})
