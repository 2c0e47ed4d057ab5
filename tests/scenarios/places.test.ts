import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MINUTE } from '../../core/clock.ts'
import { makeRepository, temporaryFolder } from '../fakes/repositories.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { fileAt, openRoom, plan, task } from './daemon-room.ts'
import { createSkippingClock } from './skipping-clock.ts'

const FILES = { 'README.md': '# Hello\n' }
const MAIN = realpathSync(new URL('../../daemon/main.ts', import.meta.url).pathname)

/** A file system of so many megabytes; undefined where this user may not mount one. */
function smallDisk(megabytes: number): string | undefined {
  const folder = temporaryFolder('claw-disk')
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], {
    stdio: 'ignore',
  })
  if (status !== 0) return undefined
  onTestFinished(() => void spawnSync('umount', ['-l', folder]))
  return folder
}

/** Takes all the room that is left, but for what a page or two need. */
function fill(folder: string): void {
  const chunk = Buffer.alloc(64 * 1024)
  for (let n = 0; n < 100_000; n++) {
    try {
      writeFileSync(join(folder, `filler-${n}`), chunk)
    } catch {
      return
    }
  }
}

function empty(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith('filler-')) rmSync(join(folder, name))
}

test('on a full disk a goal is refused in one sentence and nothing is half made; with room again it is taken', async (context) => {
  const disk = smallDisk(24)
  if (!disk) return context.skip('only root may mount a small disk')
  const room = await openRoom({ home: join(disk, 'claw') })
  const repository = makeRepository(FILES)
  fill(disk)
  const error = await room
    .add(plan([task('a')]), repository)
    .catch((caught: unknown) => caught as { code: string; message: string })
  expect(error).toMatchObject({ code: 'disk_full', message: expect.stringMatching(/no room|disk is full/) })
  empty(disk)
  expect(room.query('select id from goal')).toEqual([])
  expect(room.query('select id from repository')).toEqual([])
  expect(readdirSync(room.paths.repositoriesDir)).toEqual([])
  await room.add(plan([task('a')]), repository)
  expect((await room.settled()).goal.state).toBe('met')
})

test('a disk that fills up in the middle of the work stops it, and with room again the work ends as if nothing had been', async (context) => {
  const disk = smallDisk(24)
  if (!disk) return context.skip('only root may mount a small disk')
  const clock = createSkippingClock()
  const room = await openRoom({ home: join(disk, 'claw'), clock })
  const repository = makeRepository(FILES)
  const held: Step[] = [
    { do: 'ask', command: 'ssh example.org', yes: [], no: [] },
    { do: 'write', path: 'a.txt', text: 'good\n' },
  ]
  const turns = { turns: [held, [{ do: 'write' as const, path: 'a.txt', text: 'good\n' }]] }
  await room.add(plan([task('a', turns)]), repository)
  await room.openAsk('permission')
  fill(disk)
  // What the owner says is refused as a whole, and can be said again.
  await expect(room.answer('permission', 'reject')).rejects.toMatchObject({ code: 'disk_full' })
  empty(disk)
  // As soon as the agent goes on the room is gone again.
  await room.answer('permission', 'reject')
  fill(disk)
  await room.logged(/no room|disk is full|No space left|ENOSPC/)
  empty(disk)
  clock.hurry(20)
  const view = await room.until(({ goal, openAsks }) => goal.state !== 'open' || openAsks > 0)
  clock.hurry(1)
  expect(view.goal.state, room.picture()).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  expect(await room.alive()).toEqual([])
})

test('a second daemon on the same home says so in one line, ends with 78 and changes nothing', async () => {
  const home = join(temporaryFolder('claw-home'), 'claw')
  mkdirSync(home, { mode: 0o700 })
  const env = { PATH: process.env['PATH'] ?? '', HOME: temporaryFolder('claw-owner'), CLAW_HOME: home }
  const first = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void first.kill('SIGKILL'))
  await new Promise<void>((resolve, reject) => {
    first.stdout.on('data', (chunk: Buffer) => chunk.includes('is ready') && resolve())
    first.once('exit', (code) => reject(new Error(`the daemon ended with ${code}`)))
  })
  const before = statSync(join(home, 'daemon.json')).mtimeMs
  const second = spawnSync(process.execPath, [MAIN], { env, encoding: 'utf8', timeout: 20_000 })
  expect(second.status).toBe(78)
  expect(second.stderr).toContain(`pid ${first.pid}`)
  expect(second.stderr.split('\n')[0]).toMatch(/^claw: a Claw daemon is running on this home already/)
  expect(statSync(join(home, 'daemon.json')).mtimeMs).toBe(before)
  const ended = new Promise((resolve) => first.once('exit', resolve))
  first.kill('SIGTERM')
  expect(await ended).toBe(0)
}, 60_000)

test('a daemon that is stopped in the middle of the work goes on with the same run after the next start', async () => {
  const clock = createSkippingClock()
  const room = await openRoom({ clock })
  const repository = makeRepository(FILES)
  const turns = {
    turns: [
      [
        { do: 'say' as const, text: 'begun' },
        { do: 'sleep' as const, ms: 10 * MINUTE },
      ],
      [{ do: 'write' as const, path: 'a.txt', text: 'good\n' }],
    ],
  }
  await room.add(plan([task('a', turns)]), repository)
  await room.heard('begun')
  await room.restart()
  const view = await room.settled()
  expect(view.goal.state, room.picture()).toBe('met')
  expect(view.taskViews[0]!.runs).toHaveLength(1)
  expect(await room.alive()).toEqual([])
})
