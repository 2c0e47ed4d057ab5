import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { isAlive } from '../../cli/daemon.ts'

test('a process lives until it has ended', async () => {
  const child = spawn('sleep', ['60'])
  onTestFinished(() => void child.kill('SIGKILL'))
  expect(isAlive(child.pid!)).toBe(true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(isAlive(child.pid!)).toBe(false)
})

test.skipIf(!existsSync('/proc/self/stat'))(
  'one that has ended counts as gone although nobody asks after it',
  async () => {
    // The child of a shell that became `sleep`, which asks after no child.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'])
    onTestFinished(() => void parent.kill('SIGKILL'))
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    expect(isAlive(pid)).toBe(true)
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false)
    // It is still there for whoever only asks whether the number is taken.
    expect(process.kill(pid, 0)).toBe(true)
  },
)
