import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createProgramDesktop } from '../../../daemon/desktop/program-desktop.ts'

const SYSTEM = '/usr/local/bin:/usr/bin:/bin'
const has = (name: string) => SYSTEM.split(delimiter).some((folder) => existsSync(join(folder, name)))
const world = { clock: systemClock, log: silentLog }
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'claw-desktop-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A stand-in on the PATH that writes what it was called with, one argument a line. */
function standIn(name: string, then = 'exit 0') {
  const file = join(dir, name)
  writeFileSync(
    file,
    `#!/bin/sh\nfor arg in "$@"; do printf '%s\\n' "$arg"; done > "${dir}/${name}.args.part"\nmv "${dir}/${name}.args.part" "${dir}/${name}.args"\n${then}\n`,
  )
  chmodSync(file, 0o755)
}

const open = (platform: NodeJS.Platform, path = `${dir}:${SYSTEM}`, env: Record<string, string> = {}) =>
  createProgramDesktop({ world, platform, path, env, pid: process.pid })

/** Until the file is there; the test's own time limit ends a wait that is in vain. */
async function written(file: string): Promise<string> {
  while (!existsSync(file)) await systemClock.sleep(10)
  return readFileSync(file, 'utf8')
}

test('sleep is held off by systemd-inhibit for as long as it is held, and the program ends with it', async () => {
  // The real one wants logind; this stand-in does what it does: runs the command it is given.
  standIn('systemd-inhibit', `echo $$ > ${dir}/pid\nexec cat`)
  const hold = open('linux').stayAwake('agents are\nat work')
  expect((await written(join(dir, 'systemd-inhibit.args'))).split('\n')).toEqual([
    '--what=sleep:idle',
    '--who=Claw',
    '--why=agents are at work',
    '--mode=block',
    'cat',
    '',
  ])
  const pid = Number(await written(join(dir, 'pid')))
  expect(existsSync(`/proc/${pid}`)).toBe(true)
  await hold[Symbol.asyncDispose]()
  expect(existsSync(`/proc/${pid}`)).toBe(false)
  await hold[Symbol.asyncDispose]()
})

test('a daemon that is killed lets the machine sleep: the inhibitor ends with our end of its pipe', async () => {
  standIn('systemd-inhibit', `echo $$ > ${dir}/pid\nexec cat`)
  const module = new URL('../../../daemon/desktop/program-desktop.ts', import.meta.url).href
  const clock = new URL('../../../core/clock.ts', import.meta.url).href
  const log = new URL('../../../core/world.ts', import.meta.url).href
  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { createProgramDesktop } from '${module}'; import { systemClock } from '${clock}'; import { silentLog } from '${log}'
     createProgramDesktop({ world: { clock: systemClock, log: silentLog }, platform: 'linux', path: '${dir}:${SYSTEM}', env: {}, pid: process.pid }).stayAwake('work')
     setInterval(() => {}, 1000)`,
  ])
  const pid = Number(await written(join(dir, 'pid')))
  child.kill('SIGKILL')
  while (existsSync(`/proc/${pid}`)) await systemClock.sleep(10)
  expect(existsSync(`/proc/${pid}`)).toBe(false)
})

test.runIf(has('systemd-inhibit'))(
  'the real systemd-inhibit without a login manager refuses, and nothing fails',
  async () => {
    const desktop = open('linux', SYSTEM, { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${dir}/nobody` })
    expect(desktop.words).toContain('held off by systemd-inhibit')
    await desktop.stayAwake('work')[Symbol.asyncDispose]()
  },
)

test('on macOS caffeinate holds until we end', async () => {
  standIn('caffeinate', 'exec cat')
  const hold = open('darwin', dir + delimiter + SYSTEM).stayAwake('work')
  expect(await written(join(dir, 'caffeinate.args'))).toBe(`-i\n-w\n${process.pid}\n`)
  await hold[Symbol.asyncDispose]()
})

test('a notice is words, whatever stands in them', async () => {
  standIn('notify-send')
  const notice = { title: '--icon=x\u001b[2J', body: '<b>"it"</b> & `rm` $(rm)' }
  expect(await open('linux').notify(notice)).toBe(true)
  expect(readFileSync(join(dir, 'notify-send.args'), 'utf8').split('\n')).toEqual([
    '--app-name=Claw',
    '--',
    '--icon=x [2J',
    '&lt;b&gt;"it"&lt;/b&gt; &amp; `rm` $(rm)',
    '',
  ])
  standIn('osascript')
  expect(await open('darwin').notify({ title: 'T', body: 'B" & (do shell script "x")' })).toBe(true)
  expect(readFileSync(join(dir, 'osascript.args'), 'utf8').split('\n').slice(-3)).toEqual([
    'T',
    'B" & (do shell script "x")',
    '',
  ])
})

test('a notice that is refused, or that nothing can show, is no failure', async () => {
  standIn('notify-send', 'exit 1')
  expect(await open('linux').notify({ title: 'T', body: 'B' })).toBe(false)
  const bare = open('linux', join(dir, 'empty'))
  expect(await bare.notify({ title: 'T', body: 'B' })).toBe(false)
  expect(bare.words).toBe('sleep: not held off, no program for it; notices: none, no program for them')
})

test.runIf(has('gdbus') && has('dbus-run-session') && has('dbus-monitor'))(
  'over a real session bus, the call is the one that notification servers take',
  async () => {
    const url = (file: string) => new URL(`../../../${file}`, import.meta.url).href
    const program = `
      import { createProgramDesktop } from '${url('daemon/desktop/program-desktop.ts')}'
      import { systemClock } from '${url('core/clock.ts')}'
      import { silentLog } from '${url('core/world.ts')}'
      const world = { clock: systemClock, log: silentLog }
      const desktop = createProgramDesktop({ world, platform: 'linux', path: '${dir}', env: process.env, pid: 1 })
      await desktop.notify({ title: 'Goal #1 is met', body: 'It said "yes" <b>' })`
    writeFileSync(join(dir, 'notify.mjs'), program)
    const script = `
      dbus-monitor --session > ${dir}/bus &
      monitor=$!
      until grep -q NameAcquired ${dir}/bus 2>/dev/null; do sleep 0.05; done
      ${process.execPath} ${dir}/notify.mjs
      until grep -q 'Goal #1' ${dir}/bus; do sleep 0.05; done
      kill $monitor`
    const gdbus = SYSTEM.split(delimiter)
      .map((folder) => join(folder, 'gdbus'))
      .find(existsSync)!
    writeFileSync(join(dir, 'gdbus'), `#!/bin/sh\nexec ${gdbus} "$@"\n`, { mode: 0o755 })
    execFileSync('dbus-run-session', ['--', 'sh', '-c', script], {
      env: { PATH: SYSTEM, HOME: dir, XDG_RUNTIME_DIR: dir },
      timeout: 30_000,
      stdio: 'ignore',
    })
    const bus = readFileSync(join(dir, 'bus'), 'utf8')
    expect(bus).toContain('member=Notify')
    expect(bus).toContain('string "Goal #1 is met"')
    expect(bus).toMatch(/uint32 0\n\s+string ""\n\s+string "Goal/)
    expect(bus).toContain('string "It said "yes" &lt;b&gt;"')
  },
)
