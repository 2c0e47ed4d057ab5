import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { LAUNCHER } from '../cli/run-claw.ts'

const UID = 61_234
const SCRIPT = fileURLToPath(new URL('./systemd-user.sh', import.meta.url))

/** Why a systemd of a user's own cannot be run here; undefined where it can. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux'
  if (process.getuid?.() !== 0) return 'not root'
  if (!existsSync('/lib/systemd/systemd')) return 'no systemd'
  for (const program of ['unshare', 'setpriv', 'systemctl', 'systemd-notify']) {
    if (spawnSync(program, ['--version']).error) return `no ${program}`
  }
  const mounts = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/run/systemd'])
  return mounts.status === 0 ? undefined : 'nothing can be mounted'
}

const why = obstacle()
if (why) process.stderr.write(`systemd --user is not tested here: ${why}\n`)

/** A shell of a user who has a systemd of their own. */
async function openRoom() {
  const home = mkdtempSync(join(tmpdir(), 'claw-systemd-'))
  chownSync(home, UID, UID)
  chmodSync(home, 0o755)
  const path = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`
  const shell = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', SCRIPT, home, String(UID)], {
    env: { PATH: path },
  })
  let said = ''
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const gone = new Promise((resolve) => shell.once('exit', resolve))
  let turn = 0
  const run = async (command: string) => {
    const mark = `--done-${turn++}-`
    const from = said.length
    shell.stdin.write(`{ ${command}\n} 2>&1; echo ${mark}$?\n`)
    await expect.poll(() => said.slice(from), { timeout: 120_000, interval: 50 }).toMatch(new RegExp(`${mark}\\d+\\n`))
    const text = said.slice(from)
    const at = text.lastIndexOf(mark)
    return { code: Number(text.slice(at + mark.length)), text: text.slice(0, at).trim() }
  }
  const must = async (command: string) => {
    const { code, text } = await run(command)
    expect(code, `${command}\n${text}`).toBe(0)
    return text
  }
  onTestFinished(async ({ task }) => {
    shell.stdin.end()
    await gone
    if (task.result?.state === 'fail') {
      // What a person needs who looks at the red test.
      const logs = ['stderr', 'manager.log', 'service.err', '.claw/logs/daemon.log'].map((name) => join(home, name))
      const texts = logs.filter(existsSync).map((file) => readFileSync(file, 'utf8').slice(-2_000))
      process.stderr.write([said.slice(-3_000), ...texts].join('\n'))
    }
    rmSync(home, { recursive: true, force: true })
  })
  const claw = (words: string) => must(`'${process.execPath}' '${LAUNCHER}' ${words}`)
  return { home, run, must, claw }
}

test.skipIf(why !== undefined)(
  'a real systemd: installed, crashed, hung, restarted without a refusal, refused for good, taken out',
  async () => {
    const { home, run, must, claw } = await openRoom()
    await expect
      .poll(async () => (await run('systemctl --user is-system-running')).text, { timeout: 30_000 })
      .toMatch(/running|degraded/)
    const show = async (what: string) => must(`systemctl --user show --value -p ${what} claw.service`)
    const pid = () => show('MainPID').then(Number)
    const another = async (than: number) => {
      await expect
        .poll(async () => [await show('ActiveState'), (await pid()) !== than].join(), {
          timeout: 90_000,
          interval: 200,
        })
        .toBe('active,true')
      return pid()
    }

    // A key for the service alone: no shell exports it, and it stands in no unit.
    const key = join(home, 'openai.key')
    writeFileSync(key, 'sk-of-the-service-0123456789\n', { mode: 0o600 })
    chownSync(key, UID, UID)
    const install = `daemon install --credential OPENAI_API_KEY=${key} --json 2>~/stderr`
    const installed = JSON.parse(await claw(install)) as { port: number; installed: string }
    expect(installed.installed).toBe('systemd')
    const first = await pid()
    expect(await show('StatusText')).toBe(`on http://127.0.0.1:${installed.port}`)
    const status = await claw('daemon status')
    expect(status).toContain(`process ${first}`)
    expect(status).toMatch(/service +systemd, active/)
    expect(status).toMatch(/model +\S+ \(openai/)
    expect(await must('systemctl --user cat claw.service && systemctl --user show claw.service')).not.toContain('sk-of')
    expect(await must(`tr '\\0' '\\n' </proc/${first}/environ`)).not.toContain('sk-of')
    // Doing it again keeps the address.
    expect(JSON.parse(await claw(install))).toMatchObject({ port: installed.port })

    // Whoever starts a second one is told who holds the home, and with the code that nobody tries again.
    const other = await run(`'${process.execPath}' '${LAUNCHER}' daemon run`)
    expect(other.code, other.text).toBe(78)
    expect(other.text).toContain(`pid ${first}`)

    // A crash.
    await must(`kill -9 ${first}`)
    const second = await another(first)

    // A process that hangs gives no sign of life.
    const folder = join(home, '.config/systemd/user/claw.service.d')
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, 'soon.conf'),
      '[Service]\nWatchdogSec=4\nTimeoutAbortSec=1\nRestartSec=100ms\nStandardError=append:%h/service.err\n',
    )
    await must('systemctl --user daemon-reload && systemctl --user restart claw.service')
    const third = await another(second)
    await must(`kill -STOP ${third}`)
    const fourth = await another(third)

    // Who calls during a restart waits; nobody is refused.
    writeFileSync(join(home, 'call.mjs'), CALLS)
    await must(
      `'${process.execPath}' ${home}/call.mjs ${installed.port} ${home}/stop >${home}/calls 2>&1 & echo started`,
    )
    await claw('daemon restart')
    const fifth = await another(fourth)
    await claw('daemon restart')
    await another(fifth)
    writeFileSync(join(home, 'stop'), '')
    await expect.poll(() => readFileSync(join(home, 'calls'), 'utf8'), { timeout: 60_000 }).toMatch(/answered/)
    const { answered, refused } = JSON.parse(readFileSync(join(home, 'calls'), 'utf8')) as Record<string, number>
    expect(refused).toBe(0)
    expect(answered).toBeGreaterThan(20)

    // Stopped is stopped, also for a caller.
    await claw('daemon stop')
    expect(await show('ActiveState')).toBe('inactive')
    expect((await run(`'${process.execPath}' '${LAUNCHER}' daemon status`)).code).toBe(3)

    // What starting again would not help is not tried again.
    writeFileSync(join(home, '.claw/config.yaml'), 'runs:\n  maxx: 1\n')
    await run('systemctl --user start claw.service')
    expect(await show('ExecMainStatus')).toBe('78')
    expect(await show('ActiveState')).toBe('failed')
    rmSync(join(home, '.claw/config.yaml'))
    await must('systemctl --user reset-failed')
    await claw('daemon start')
    expect(await show('ActiveState')).toBe('active')

    await claw('daemon uninstall')
    expect(existsSync(join(home, '.config/systemd/user/claw.service'))).toBe(false)
    expect((await run('systemctl --user is-active claw.service')).code).not.toBe(0)
  },
)

/** Calls again and again until a file appears: any answer of HTTP counts as one. */
const CALLS = `
import { existsSync } from 'node:fs'
const [port, stop] = process.argv.slice(2)
let answered = 0, refused = 0
while (!existsSync(stop)) {
  await fetch('http://127.0.0.1:' + port + '/healthz', { headers: { connection: 'close' } }).then(
    (response) => { answered++; return response.body?.cancel() },
    (error) => { if (error.cause?.code === 'ECONNREFUSED') refused++ },
  )
  await new Promise((resolve) => setTimeout(resolve, 20))
}
console.log(JSON.stringify({ answered, refused }))
`
