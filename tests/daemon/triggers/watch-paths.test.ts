import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MINUTE, SECOND } from '../../../core/clock.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { openScheduleRoom } from '../schedules/schedule-room.ts'

async function openWatch(glob: string | null = null) {
  const room = await openScheduleRoom()
  const path = join(room.dir, 'inbox')
  mkdirSync(join(path, 'sub'), { recursive: true })
  writeFileSync(join(path, 'old.txt'), 'old')
  await room.schedules.add({
    when: { kind: 'path', path, glob, quietMs: 2 * SECOND },
    goal: { text: 'Sort these: {{paths}}' },
  })
  /** The scan comes round, and then it has been quiet twice. */
  const scan = async () => {
    for (let i = 0; i < 4; i++) {
      await room.clock.advance(i === 0 ? MINUTE : 3 * SECOND)
      await room.watcher.settled()
    }
    await room.settled()
  }
  return { room, path, scan, [Symbol.asyncDispose]: () => room.close() }
}

test('what was there before is not a change; what is new, changed or gone is one firing that names it', async () => {
  await using watch = await openWatch()
  await watch.scan()
  expect(await watch.room.told()).toEqual([])
  writeFileSync(join(watch.path, 'sub', 'new.txt'), 'new')
  appendFileSync(join(watch.path, 'old.txt'), 'er')
  await watch.scan()
  const [goal] = await watch.room.goals.list()
  expect(goal!.text).toContain('<untrusted-data name="paths">\nchanged old.txt\nadded sub/new.txt\n</untrusted-data>')
  await watch.room.end('1')
  await watch.scan()
  expect(await watch.room.goals.list()).toHaveLength(1)
  rmSync(join(watch.path, 'old.txt'))
  await watch.scan()
  expect((await watch.room.goals.list())[1]!.text).toContain('removed old.txt')
})

test('files that do not fit the pattern, and those of git, are not looked at', async () => {
  await using watch = await openWatch('**/*.pdf')
  writeFileSync(join(watch.path, 'a.txt'), '')
  mkdirSync(join(watch.path, '.git'))
  writeFileSync(join(watch.path, '.git', 'b.pdf'), '')
  await watch.scan()
  expect(await watch.room.told()).toEqual([])
  writeFileSync(join(watch.path, 'sub', 'c.pdf'), '')
  await watch.scan()
  expect((await watch.room.goals.list())[0]!.text).toContain('added sub/c.pdf')
})

test('it waits while files still grow', async () => {
  await using watch = await openWatch()
  await watch.scan()
  for (let i = 0; i < 5; i++) {
    appendFileSync(join(watch.path, 'big'), 'more')
    await watch.room.clock.advance(2 * SECOND)
    await watch.room.watcher.settled()
  }
  expect(await watch.room.told()).toEqual([])
  await watch.scan()
  expect(await watch.room.goals.list()).toHaveLength(1)
})

test('what changed while no daemon ran is found by the next one, once', async () => {
  const clock = createFakeClock()
  const first = await openScheduleRoom({ clock })
  const path = join(first.dir, 'inbox')
  mkdirSync(path)
  await first.schedules.add({ when: { kind: 'path', path, glob: null, quietMs: 2_000 }, goal: { text: '{{paths}}' } })
  await first.close({ keep: true })
  writeFileSync(join(path, 'a'), '')
  await using second = await openScheduleRoom({ clock, dir: first.dir })
  for (let i = 0; i < 6; i++) {
    await clock.advance(30 * SECOND)
    await second.watcher.settled()
  }
  await second.settled()
  expect((await second.goals.list()).map((goal) => goal.text.includes('added a'))).toEqual([true])
})

test('the system tells of a change without a scan', async () => {
  await using watch = await openWatch()
  // Given by the kernel when it likes: time stands still for us until it has come.
  writeFileSync(join(watch.path, 'now.txt'), '')
  for (let tries = 0; (await watch.room.goals.list()).length === 0 && tries < 500; tries++) {
    await watch.room.clock.advance(100)
    await watch.room.watcher.settled()
    await watch.room.settled()
  }
  expect(await watch.room.goals.list()).toHaveLength(1)
})
