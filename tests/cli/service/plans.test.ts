import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { launchdPlan } from '../../../cli/service/launchd.ts'
import type { ServiceFacts } from '../../../cli/service/service.ts'
import { systemdPlan } from '../../../cli/service/systemd.ts'
import { taskSchedulerPlan } from '../../../cli/service/task-scheduler.ts'
import { claw } from '../run-claw.ts'

const folder = mkdtempSync(join(tmpdir(), 'claw-service-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const facts: ServiceFacts = {
  name: 'claw',
  home: '/home/ada/my 100% "claw"',
  ownerHome: '/home/ada',
  node: '/opt/node/bin/node',
  args: ['--enable-source-maps', '/opt/claw $1/daemon/main.ts'],
  path: '/home/ada/bin:/usr/bin',
  logsDir: '/home/ada/.claw/logs',
  port: 4711,
  credentials: { ANTHROPIC_API_KEY: '/home/ada/keys/50%/anthropic' },
  uid: 501,
  user: 'HOUSE\\ada',
}

test('systemd: a socket that outlives the service, and a service that says when it is ready', async () => {
  const plan = systemdPlan(facts)
  await expect(plan.files.map(({ content }) => content).join('')).toMatchFileSnapshot('golden/claw.systemd.txt')
  const { files, ...commands } = plan
  expect(files.map(({ path }) => path)).toEqual([
    '/home/ada/.config/systemd/user/claw.socket',
    '/home/ada/.config/systemd/user/claw.service',
  ])
  await expect(JSON.stringify(commands, null, 1)).toMatchFileSnapshot('golden/claw.systemd.commands.txt')
})

test('launchd: a LaunchAgent that is started again when it fails', async () => {
  const plan = launchdPlan({ ...facts, home: '/Users/ada/<claw> & co' })
  await expect(plan.files[0]!.content).toMatchFileSnapshot('golden/claw.plist')
  const { files, ...commands } = plan
  expect(files.map(({ path }) => path)).toEqual(['/home/ada/Library/LaunchAgents/claw.claw.plist'])
  await expect(JSON.stringify(commands, null, 1)).toMatchFileSnapshot('golden/claw.launchd.commands.txt')
})

test('Task Scheduler: a task of the owner’s own, without an administrator', async () => {
  const home = 'C:\\Users\\ada\\.claw'
  const plan = taskSchedulerPlan({
    ...facts,
    home,
    node: 'C:\\node\\node.exe',
    args: ['C:\\claw & co\\daemon\\main.js'],
  })
  await expect(plan.files[0]!.content).toMatchFileSnapshot('golden/claw.task.xml')
  const { files, ...commands } = plan
  expect(files.map(({ path }) => path)).toEqual(['C:\\Users\\ada\\.claw\\claw.task.xml'])
  await expect(JSON.stringify(commands, null, 1)).toMatchFileSnapshot('golden/claw.task.commands.txt')
})

test('where there is no supervisor, install says what to do instead; uninstall has nothing to do', async () => {
  const home = join(folder, 'home')
  mkdirSync(home)
  const said = await claw(['daemon', 'install', '--dry-run'], { home })
  // With systemd the same call prints the units.
  if (said.code === 0) expect(said.stdout).toContain('Type=notify')
  else expect(said).toMatchObject({ code: 2, stderr: expect.stringContaining('claw daemon run') })
  expect(await claw(['daemon', 'uninstall'], { home })).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('No service'),
  })
})
