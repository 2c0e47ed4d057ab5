import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MINUTE, SECOND } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createSupervisor, findListener, withCredentials } from '../../../daemon/service/supervisor.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'

function supervised(env: Record<string, string>, isWell: () => Promise<unknown> = async () => {}) {
  const clock = createFakeClock()
  const told: string[] = []
  const notify = async (...words: string[]) => void told.push(words.join(' '))
  return {
    clock,
    told,
    supervisor: createSupervisor({ env, pid: 7, world: { clock, log: silentLog }, isWell, notify }),
  }
}

test('systemd hears that we are ready, that we live, and that we stop', async () => {
  const { clock, told, supervisor } = supervised({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '120000000', WATCHDOG_PID: '7' })
  await supervisor.ready('on http://x')
  expect(told).toEqual(['--ready --status=on http://x'])
  await clock.advance(2 * MINUTE)
  expect(told.slice(1)).toEqual(['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1'])
  await supervisor.stopping()
  await clock.advance(10 * MINUTE)
  expect(told.slice(4)).toEqual(['STOPPING=1'])
})

test('no sign of life from one that is not well, and again when it is', async () => {
  let isWell = false
  const { clock, told, supervisor } = supervised({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '30000000' }, async () => {
    if (!isWell) throw new Error('the store does not answer')
  })
  await supervisor.ready('x')
  await clock.advance(20 * SECOND)
  expect(told).toHaveLength(1)
  isWell = true
  await clock.advance(10 * SECOND)
  expect(told.at(-1)).toBe('WATCHDOG=1')
  supervisor[Symbol.dispose]()
})

test('without systemd nobody is told, and no timer is kept; a watchdog of another process is not ours', async () => {
  const alone = supervised({ WATCHDOG_USEC: '1000' })
  await alone.supervisor.ready('x')
  await alone.clock.advance(MINUTE)
  expect(alone.told).toEqual([])
  const others = supervised({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '1000', WATCHDOG_PID: '8' })
  await others.supervisor.ready('x')
  await others.clock.advance(MINUTE)
  expect(others.told).toHaveLength(1)
})

test('a handed-over socket counts for the process that it was handed to', () => {
  expect(findListener({ LISTEN_PID: '7', LISTEN_FDS: '1' }, 7)).toBe(3)
  expect(findListener({ LISTEN_PID: '8', LISTEN_FDS: '1' }, 7)).toBeUndefined()
  expect(findListener({ LISTEN_PID: '7', LISTEN_FDS: '0' }, 7)).toBeUndefined()
  expect(findListener({}, 7)).toBeUndefined()
})

test('credentials become variables, those that are set stay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'claw-credentials-'))
  writeFileSync(join(folder, 'ANTHROPIC_API_KEY'), 'from-the-file\n')
  writeFileSync(join(folder, 'OPENAI_API_KEY'), 'from-the-file')
  writeFileSync(join(folder, 'other.json'), '{}')
  const env = withCredentials({ CREDENTIALS_DIRECTORY: folder, OPENAI_API_KEY: 'set' })
  expect(env).toEqual({ CREDENTIALS_DIRECTORY: folder, ANTHROPIC_API_KEY: 'from-the-file', OPENAI_API_KEY: 'set' })
  rmSync(folder, { recursive: true })
})
