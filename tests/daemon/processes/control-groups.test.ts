import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { findControlGroups } from '../../../daemon/processes/control-groups.ts'

const LIMITS = { memoryBytesMax: 300 * 1024 ** 2, processesMax: 60, diskBytesMax: 1 }
const HYBRID = '/sys/fs/cgroup/unified'

/** A folder that looks like a tree of version 2, as far as files can: it takes what is written and keeps no limit. */
function aTree(handedOn = ''): { root: string; place: string } {
  const root = mkdtempSync(join(tmpdir(), 'claw-cgroup-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/'
  const place = join(root, own)
  mkdirSync(place, { recursive: true })
  for (const folder of new Set([root, place])) {
    writeFileSync(join(folder, 'cgroup.controllers'), 'memory pids')
    writeFileSync(join(folder, 'cgroup.subtree_control'), handedOn)
    writeFileSync(join(folder, 'cgroup.procs'), folder === place ? `${process.pid}\n` : '')
  }
  return { root, place }
}

/** Beneath a group that the service manager has given over, with nobody in it but us. */
test('version 2: the daemon steps aside, and hands its controllers on', () => {
  const { root, place } = aTree()
  // A real tree lets a group be taken away with its files; this one does not, so it is not taken for a working one.
  expect(findControlGroups(LIMITS, { pid: process.pid, root })).toBeUndefined()
  const read = (file: string) => readFileSync(join(place, file), 'utf8')
  expect(read('claw-daemon/cgroup.procs')).toBe(String(process.pid))
  expect(read('cgroup.subtree_control')).toBe('+pids +memory')
})

test('version 2: a run gets a group with its processes and memory, which is ended whole when it runs out', () => {
  const { root, place } = aTree('memory pids')
  expect(findControlGroups(LIMITS, { pid: process.pid, root })).toBeUndefined()
  const read = (file: string) => readFileSync(join(place, file), 'utf8')
  expect(existsSync(join(place, 'claw-daemon'))).toBe(false)
  const made = `claw-${process.pid}-0`
  expect(read(`${made}/pids.max`)).toBe('240')
  expect(read(`${made}/memory.max`)).toBe(String(300 * 1024 ** 2))
  expect(read(`${made}/memory.oom.group`)).toBe('1')
})

test('version 2: a group with others in it is left as it is', () => {
  const { root, place } = aTree()
  writeFileSync(join(place, 'cgroup.procs'), `${process.pid}\n1\n`)
  expect(findControlGroups(LIMITS, { pid: process.pid, root })).toBeUndefined()
  expect(existsSync(join(place, 'claw-daemon'))).toBe(false)
  expect(readFileSync(join(place, 'cgroup.subtree_control'), 'utf8')).toBe('')
})

test.skipIf(!existsSync(HYBRID))('a real tree without controllers for processes promises nothing', () => {
  expect(findControlGroups(LIMITS, { pid: process.pid, root: HYBRID })).toBeUndefined()
})
