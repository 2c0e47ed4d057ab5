/**
 * What the kernel was told, in order: a trace of the daemon and of the git programs that it starts. What is
 * acknowledged to the owner, and what a row names, has been synced to the disk before.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git } from '../fakes/repositories.ts'
import { addGoal, aPlannedTask, createScene, isEndOf, STEP_MS_MAX, settled } from './harness.ts'

const CALLS = 'fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg,rename,renameat,renameat2,link,linkat'

const canTrace = (() => {
  try {
    execFileSync('strace', ['-e', 'trace=none', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
if (!canTrace)
  console.warn('skipped: what is synced before it is acknowledged (strace is not installed or may not trace)')

interface Call {
  pid: string
  name: string
  /** Everything between the brackets, with the files that descriptors stand for. */
  args: string
}

/** Calls in the order in which they returned. */
function readTrace(file: string): Call[] {
  const begun = new Map<string, string>()
  const calls: Call[] = []
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    if (rest.endsWith('<unfinished ...>')) {
      begun.set(pid, rest.slice(0, -'<unfinished ...>'.length))
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    const whole = resumed ? `${begun.get(pid) ?? ''}${resumed[1]}` : rest
    const [, name, args] = /^(\w+)\((.*)\)\s+= /.exec(whole) ?? []
    if (name && args !== undefined) calls.push({ pid, name, args })
  }
  return calls
}

const isWalWrite = (call: Call) => call.name === 'pwrite64' && call.args.includes('/claw.db-wal>')
const isWalSync = (call: Call) => /^f(data)?sync$/.test(call.name) && call.args.includes('/claw.db-wal>')

test.skipIf(!canTrace)(
  'a goal is on the disk before it is acknowledged, and a commit before a row names it',
  { timeout: 2 * STEP_MS_MAX },
  async () => {
    await using scene = createScene()
    const file = join(scene.dir, 'trace')
    const under = ['strace', '-f', '-qq', '-y', '-s', '5000', '-e', `trace=${CALLS}`, '-e', 'signal=none', '-o', file]
    const life = scene.start({ under })
    expect(await life.ready, life.words()).toBe(true)
    const goal = await addGoal(life, scene, 'one', { tasks: [aPlannedTask('a')] })
    await life.until(isEndOf(goal.id))
    await settled(scene, life)
    // The daemon itself, not strace: it is the one that knows how to stop.
    process.kill(Number(JSON.parse(readFileSync(scene.paths.daemonFile, 'utf8')).pid), 'SIGTERM')
    await life.exited
    const calls = readTrace(file)

    const answer = calls.findIndex(
      ({ name, args }) => /^(write|writev|sendto|sendmsg)$/.test(name) && args.includes('HTTP/1.1 201'),
    )
    expect(answer, 'the answer is in the trace').toBeGreaterThan(0)
    const lastWrite = calls.findLastIndex((call, at) => at < answer && isWalWrite(call))
    const goalWrite = calls.findIndex((call) => isWalWrite(call) && call.args.includes(goal.id))
    expect(goalWrite, 'the goal is written to the log before the answer').toBeGreaterThan(0)
    expect(goalWrite).toBeLessThan(answer)
    expect(
      calls.slice(lastWrite, answer).some(isWalSync),
      'the log is synced between its last write and the answer',
    ).toBe(true)

    const runs = scene.rows<{ commit: string }>('select "commit" from run')
    const landings = scene.rows<{ commit: string }>('select merged as "commit" from landing')
    const [{ gitDir } = { gitDir: '' }] = scene.rows<{ gitDir: string }>('select gitDir from repository')
    const named = new Set([...runs, ...landings].map(({ commit }) => commit))
    expect(named.size).toBeGreaterThan(0)
    for (const commit of named) {
      const tree = git(gitDir, 'rev-parse', `${commit}^{tree}`)
      for (const object of [commit, tree]) {
        const inRow = calls.findIndex((call) => isWalWrite(call) && call.args.includes(commit))
        const inPlace = calls.findIndex(
          ({ name, args }) => /^(rename|link)/.test(name) && args.includes(`${object.slice(0, 2)}/${object.slice(2)}"`),
        )
        expect(inPlace, `${object} gets its name`).toBeGreaterThan(0)
        expect(inRow, `${object} has its name before a row names the commit`).toBeGreaterThan(inPlace)
        const [, draft = ''] = /"([^"]*tmp_obj_[^"]*)"/.exec(calls[inPlace]!.args) ?? []
        const synced = calls.findIndex(({ name, args }) => name === 'fsync' && args.includes(draft.split('/').at(-1)!))
        expect(draft, 'git writes an object aside first').not.toBe('')
        expect(synced, `${object} is synced`).toBeGreaterThan(0)
        expect(synced, `${object} is synced before it gets its name`).toBeLessThan(inPlace)
      }
    }
    // The ref that holds the work, too.
    const [run] = runs
    const inRow = calls.findIndex((call) => isWalWrite(call) && call.args.includes(run!.commit))
    const refInPlace = calls.findIndex(
      ({ name, args }) => name.startsWith('rename') && /refs\/claw\/tasks\/1\/1"/.test(args),
    )
    const refSynced = calls.findIndex(
      ({ name, args }) => name === 'fsync' && args.includes('refs/claw/tasks/1/1.lock>'),
    )
    expect(refSynced).toBeGreaterThan(0)
    expect(refSynced).toBeLessThan(refInPlace)
    expect(refInPlace).toBeLessThan(inRow)
  },
)
