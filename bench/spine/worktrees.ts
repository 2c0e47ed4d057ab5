/** Making a worktree, and turning what an agent did in it into a commit. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/world.ts'
import { createRepositories } from '../../daemon/worktrees/git-repositories.ts'
import { type Figure, figure } from '../figures.ts'
import { manyFiles, openRoom } from './room.ts'

const REPEATS = 9
const FILES = 5_000
const AT_ONCE = 20

export async function measure(): Promise<Figure[]> {
  return [
    ...(await measureOn('small repository', { 'README.md': '# Small\n' })),
    ...(await measureOn(`${FILES} files`, manyFiles(FILES))),
  ]
}

async function measureOn(name: string, files: Record<string, string>): Promise<Figure[]> {
  await using room = openRoom()
  const world = { clock: systemClock, log: silentLog }
  const owner = room.repository(files)
  await using repository = await createRepositories({ world, ownerEnv: room.env }).openLocal(
    owner,
    join(room.dir, 'clone.git'),
  )
  await repository.fetch()
  const base = await repository.ownerBranch('main')
  const made: number[] = []
  const captured: number[] = []
  const removed: number[] = []
  for (let n = 0; n < REPEATS; n++) {
    const path = join(room.dir, 'worktrees', String(n))
    made.push(await timed(() => repository.addWorktree(path, base)))
    writeFileSync(join(path, `new-${n}.txt`), 'new\n')
    const options = { path, base, ref: `refs/claw/tasks/1/${n + 1}`, message: 'New', trailers: [] }
    captured.push(await timed(() => repository.capture(options)))
    removed.push(await timed(() => repository.removeWorktree(path, { force: true })))
  }
  const many = await timed(() =>
    Promise.all(
      Array.from({ length: AT_ONCE }, (_, n) => repository.addWorktree(join(room.dir, 'many', String(n)), base)),
    ),
  )
  return [
    figure(`worktree made, ${name}`, 'ms', made),
    figure(`one new file captured, ${name}`, 'ms', captured),
    figure(`worktree removed, ${name}`, 'ms', removed),
    figure(`${AT_ONCE} worktrees made at once, ${name}`, 'ms', [many]),
  ]
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
