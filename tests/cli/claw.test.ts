import { execFile, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeDaemonFile } from '../../config/daemon-file.ts'
import { ActEffect } from '../../core/act.ts'
import { Fault } from '../../core/fault.ts'
import { serveFakeApp } from '../fakes/served-app.ts'
import { aGoal, aGoalView, anAsk, aTaskView } from '../fakes/views.ts'
import { claw, LAUNCHER, type RunOptions } from './run-claw.ts'

let daemon: Awaited<ReturnType<typeof serveFakeApp>>
beforeEach(async () => {
  daemon = await serveFakeApp()
})
afterEach(() => daemon[Symbol.asyncDispose]())

const run = (args: string[], options: Partial<RunOptions> = {}) => claw(args, { home: daemon.home, ...options })
/** The last call to Goals that changed or named something. */
const lastCall = (verb: string) => daemon.goals.calls.findLast(([name]) => name === verb)

describe('a goal is added', () => {
  test('by the short form, with its options, and the repository made absolute', async () => {
    const said = await run(['Do the thing', '--repo', '.', '--land', 'merge', '--max-attempts', '2', '--json'])
    expect(said).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(said.stdout)).toMatchObject({ goal: { number: 1 }, repository: daemon.home })
    expect(lastCall('add')?.[1]).toMatchObject({
      text: 'Do the thing',
      repo: daemon.home,
      land: 'merge',
      attemptsMax: 2,
      source: { surface: 'cli' },
    })
  })

  test('by the long form; data on stdout, chatter on stderr', async () => {
    const said = await run(['goal', 'add', 'Do it'])
    expect(said).toMatchObject({ code: 0, stdout: '#1 Do it\n' })
    expect(said.stderr).toContain('claw watch 1')
  })

  test('from stdin', async () => {
    expect((await run(['-'], { input: 'first line\nsecond line\n' })).code).toBe(0)
    expect(lastCall('add')?.[1]).toMatchObject({ text: 'first line\nsecond line' })
  })

  test('with a URL as it is', async () => {
    await run(['Do the thing', '--repo', 'git@host.example:team/shop.git'])
    expect(lastCall('add')?.[1]).toMatchObject({ repo: 'git@host.example:team/shop.git' })
  })

  test('with a plan file, whose text is sent', async () => {
    writeFileSync(join(daemon.home, 'plan.yaml'), 'summary: mine')
    expect((await run(['Do the thing', '--plan', 'plan.yaml'])).code).toBe(0)
    expect(lastCall('add')?.[1]).toMatchObject({ plan: { summary: 'mine' } })
  })

  test.each([
    ['met', 0],
    ['dropped', 5],
  ] as const)('and watched to its end: %s is exit code %i', async (state, code) => {
    const ending = run(['Do the thing', '--watch'])
    await expect.poll(() => lastCall('add'), { timeout: 20_000 }).toBeDefined()
    daemon.goals.put(aGoalView({ goal: aGoal({ state }), status: state }))
    daemon.events.add(`goal.${state}`, { outcome: 'as it is' }, 'goal_1')
    const said = await ending
    expect(said.code).toBe(code)
    expect(said.stdout).toContain(`goal ${state}: as it is`)
  })
})

describe('what is wrong is one line on stderr, exit code 2, and nothing is made', () => {
  test.each<[string, string[], string]>([
    ['an unknown command', ['stauts'], "unknown command 'stauts' (Did you mean status?)"],
    [
      'a single word',
      ['frobnicate'],
      "unknown command 'frobnicate' (For a goal of one word: claw goal add frobnicate)",
    ],
    ['an unknown subcommand', ['goal', 'lst'], "unknown command 'lst' (Did you mean list?)"],
    ['an unknown flag', ['status', '--jsn'], "unknown option '--jsn' (Did you mean --json?)"],
    ['an unknown flag of the short form', ['Do it', '--rpo', '.'], "unknown option '--rpo' (Did you mean --repo?)"],
    ['an unknown choice', ['Do it', '--land', 'mrge'], 'Did you mean merge? (branch, merge, pr)'],
    ['no number', ['Do it', '--max-attempts', 'many'], 'It must be a whole number.'],
    ['a missing argument', ['goal', 'show'], "missing required argument 'goal'"],
    ['an unquoted goal', ['do', 'the', 'thing'], 'too many arguments'],
    ['a plan file that is not there', ['Do it', '--plan', 'none.yaml'], 'Plan file none.yaml: does not exist'],
    ['a goal without words', ['goal', 'add', '  '], 'The goal is empty'],
    ['an unknown goal', ['goal', 'show', '99'], 'There is no goal 99'],
    ['an unknown task', ['take', '9.9'], 'There is no task 9.9'],
    ['an unknown ask', ['answer', '9', 'yes'], 'There is no ask 9'],
    ['two judgements', ['review', '1', '--accept', '--reject', 'x'], 'cannot be used with'],
    ['a rejection without words', ['review', '1', '--reject', ' '], 'A rejection needs a comment'],
  ])('%s', async (_, args, words) => {
    const said = await run(args)
    expect(said.code).toBe(2)
    expect(said.stdout).toBe('')
    expect(said.stderr).toContain(words)
    expect(said.stderr.trim().split('\n')).toHaveLength(1)
    expect(lastCall('add')).toBeUndefined()
  })

  test.each([
    ['agent_not_found', 'There is no agent "pie"; did you mean "pi"?'],
    ['branch_not_found', 'There is no branch "mian"; did you mean "main"?'],
    ['repository_not_found', 'There is no repository /nowhere'],
    ['plan_invalid', 'plan.yaml:3: unknown key "breif"; did you mean "brief"?'],
  ] as const)('what the daemon refuses as %s', async (code, words) => {
    daemon.goals.failNext(new Fault(code, words, { hint: 'Look again.' }))
    const said = await run(['Do the thing'])
    expect(said).toEqual({ code: 2, stdout: '', stderr: `claw: ${words} — Look again.\n` })
  })

  test('with --json the same is one object on stderr', async () => {
    const said = await run(['goal', 'show', '99', '--json'])
    expect(said.code).toBe(2)
    expect(JSON.parse(said.stderr)).toMatchObject({ error: { code: 'goal_not_found', status: 404 } })
  })
})

describe('exit codes of the rest', () => {
  test('1 when the goal’s state does not allow it', async () => {
    daemon.goals.put(aGoalView({ goal: aGoal({ state: 'met' }) }))
    expect((await run(['goal', 'pause', '1'])).code).toBe(1)
  })

  test('3 when no daemon runs, for what does not start one', async () => {
    await daemon.stopServing()
    const said = await run(['status'])
    expect(said).toEqual({
      code: 3,
      stdout: '',
      stderr: 'claw: The daemon is not running — Start it with: claw daemon start\n',
    })
  })

  test('3 when daemon.json is left over from a dead process, and from a living one that is no daemon', async () => {
    await daemon.stopServing()
    const left = { port: daemon.server.port, token: 'x'.repeat(32), startedAt: 1, version: '0' }
    writeDaemonFile(daemon.paths.daemonFile, { ...left, pid: 2 ** 22 - 1 })
    expect((await run(['status'])).code).toBe(3)
    writeDaemonFile(daemon.paths.daemonFile, { ...left, pid: process.pid })
    expect((await run(['status'])).code).toBe(3)
  })

  test('4 when the token is refused', async () => {
    const { port } = daemon.server
    const token = 'y'.repeat(32)
    writeDaemonFile(daemon.paths.daemonFile, { port, token, pid: process.pid, startedAt: 1, version: '0' })
    expect((await run(['status'])).code).toBe(4)
  })

  test('130 when a watch is interrupted, saying how to come back', async () => {
    daemon.goals.put(aGoalView())
    daemon.events.add('plan.requested', { version: 1 }, 'goal_1')
    const said = await run(['watch', '1'], {
      onOutput: (stdout) => (stdout.includes('planning') ? 'SIGINT' : undefined),
    })
    expect(said.code).toBe(130)
    expect(said.stderr).toContain('claw watch 1')
  })
})

describe('asks', () => {
  test('are listed with how to answer them', async () => {
    daemon.inbox.put(anAsk({ number: 7 }))
    const said = await run(['inbox'])
    expect(said.stdout).toContain('Is this plan right?')
    expect(said.stdout).toContain('claw answer 7 approve | refuse | --text "…"')
  })

  test('are answered by a beginning of a choice, by words, from stdin', async () => {
    for (const number of [1, 2, 3]) daemon.inbox.put(anAsk({ number }))
    expect((await run(['answer', '1', 'app'])).stdout).toBe('answered 1: approve\n')
    expect((await run(['answer', '2', '--text', 'other way'])).stdout).toBe('answered 2: other way\n')
    expect((await run(['answer', '3', 'refuse', '--text', '-'], { input: 'because\n' })).stdout).toBe(
      'answered 3: refuse, because\n',
    )
    expect((await daemon.inbox.get('1')).answer).toMatchObject({ choice: 'approve', by: 'cli' })
  })

  test('an unknown choice names the nearest, and without a terminal nobody is asked', async () => {
    daemon.inbox.put(anAsk())
    expect(await run(['answer', '1', 'aprove'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "approve"?'),
    })
    expect(await run(['answer', '1'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('choose from approve, refuse'),
    })
    expect((await daemon.inbox.get('1')).state).toBe('open')
  })
})

describe('work', () => {
  beforeEach(() => daemon.goals.put(aGoalView({ taskViews: [aTaskView()] })))

  test('is reviewed with its diff and proof, accepted, rejected, taken', async () => {
    const shown = await run(['review', '1.1'])
    expect(shown.stdout).toMatch(/\+new[\s\S]*proof of bbbbbbbbbb: passed[\s\S]*unit tests/)
    await run(['review', '1.1', '--accept'])
    expect(lastCall('accept')).toEqual(['accept', '1.1', 'cli'])
    await run(['review', '1', '--reject', 'no tests'])
    expect(lastCall('reject')).toEqual(['reject', '1', 'no tests', 'cli'])
    expect((await run(['review', '1.1', '--take'])).stdout).toBe('/home/owner/.claw/worktrees/1-1\n')
  })

  test('without a name, what waits for review is shown', async () => {
    expect((await run(['review'])).stderr).toContain('Nothing waits for review')
    daemon.inbox.put(anAsk({ kind: 'review', taskId: 'task_1' }))
    expect((await run(['review'])).stdout).toContain('Review of task_1')
  })

  test('is steered, taken, given, proved again, undone', async () => {
    expect((await run(['goal', 'steer', '1', 'also docs'])).stdout).toBe('The planner is told\n')
    expect((await run(['goal', 'steer', '1.1', 'also docs'])).stdout).toBe('The next run is told\n')
    expect((await run(['take', '1.1'])).stdout).toBe('/home/owner/.claw/worktrees/1-1\n')
    expect((await run(['give', '1.1'])).code).toBe(0)
    expect(await run(['proof', '1.1'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('the same as recorded'),
    })
    expect((await run(['undo', '1'])).stdout).toContain('eeeeeeeeee')
  })

  test('what it did outside is listed when it is shown, cancelled and undone, and nothing of it is run', async () => {
    const spec = { kind: 'service', name: 'hello.service', host: 'web1', what: 'serves', undo: 'systemctl stop hello' }
    const effect = { number: 1, state: 'possible', note: null, createdAt: 1, changedAt: 1 } as const
    const ids = { id: 'effect_1', goalId: 'goal_1', taskId: 'task_1' } as const
    const effects = [{ ...ids, ...effect, spec: ActEffect.parse(spec) }]
    daemon.goals.put(aGoalView({ taskViews: [aTaskView()], effects }))
    const line = 'service `hello.service` on web1: serves (may have happened)'
    expect((await run(['goal', 'show', '1'])).stdout).toContain(line)
    const undone = (await run(['undo', '1'])).stdout
    expect(undone).toContain('1. systemctl stop hello')
    expect(undone).toContain('To run them: claw answer 7 yes')
    const cancelled = (await run(['goal', 'cancel', '1'])).stdout
    expect(cancelled).toContain(line)
    expect(cancelled).toContain('How to take it back: claw undo 1')
  })

  test('colour only where it is wanted', async () => {
    expect((await run(['review', '1.1'])).stdout).not.toContain('\u001b[')
    expect((await run(['review', '1.1'], { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[32m+new')
    expect((await run(['review', '1.1'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain('\u001b[')
  })
})

test('every command that shows something speaks JSON', async () => {
  daemon.goals.put(aGoalView({ goal: aGoal({ state: 'met' }), taskViews: [aTaskView()] }))
  daemon.inbox.put(anAsk())
  daemon.events.add('goal.met', { outcome: 'x' }, 'goal_1')
  const commands = [
    'status',
    'goal list',
    'goal show 1',
    'goal watch 1',
    'inbox',
    'review 1',
    'report 1',
    'proof 1.1',
    'events',
    'daemon status',
    'doctor',
  ]
  for (const command of commands) {
    const { stdout } = await run([...command.split(' '), '--json'])
    expect(() => JSON.parse(stdout), `${command}: ${stdout}`).not.toThrow()
  }
})

test('events: the last ones, or the first after a cursor', async () => {
  for (let version = 1; version <= 5; version++) daemon.events.add('plan.requested', { version })
  const ids = async (...args: string[]) => {
    const { stdout } = await run(['events', '--json', ...args])
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id)
  }
  expect(await ids('--limit', '2')).toEqual([4, 5])
  expect(await ids('--after', '1', '--limit', '2')).toEqual([2, 3])
})

test('status says what waits, what runs and what came of the rest', async () => {
  daemon.goals.put(aGoalView({ goal: aGoal({ number: 1, text: 'Under way' }) }))
  daemon.goals.put(
    aGoalView({ goal: aGoal({ number: 2, text: 'Long over', state: 'met', endedAt: 1 }), status: 'met' }),
  )
  daemon.goals.put(
    aGoalView({ goal: aGoal({ number: 3, text: 'Just over', state: 'met', endedAt: Date.now() }), status: 'met' }),
  )
  daemon.inbox.put(anAsk({ number: 7 }))
  const { stdout, code } = await run(['status'])
  expect(code).toBe(0)
  expect(stdout.split('\n')[0]).toBe('1 question for you')
  expect(stdout).toContain('claw answer 7 approve')
  expect(stdout).toMatch(/#1 +working +Under way/)
  expect(stdout).toMatch(/#3 +met +Just over/)
  expect(stdout).not.toContain('Long over')
  expect(stdout).toContain('claw 0.1.0')
})

test('logs: the last lines as words, from a daemon that need not live', async () => {
  await daemon.stopServing()
  mkdirSync(daemon.paths.logsDir, { recursive: true })
  const line = (n: number) => JSON.stringify({ level: 'info', time: 0, n, msg: 'counted' })
  writeFileSync(
    join(daemon.paths.logsDir, 'daemon.log'),
    `${Array.from({ length: 5000 }, (_, n) => line(n)).join('\n')}\n`,
  )
  const { stdout } = await run(['daemon', 'logs', '-n', '2'])
  expect(stdout).toBe('00:00:00 info counted  n=4998\n00:00:00 info counted  n=4999\n')
})

test('a reader that goes away early is no failure', async () => {
  for (let version = 1; version <= 900; version++) daemon.events.add('plan.requested', { version })
  const script = 'set -o pipefail; "$0" "$1" events --json --follow --limit 900 | head -1'
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script, process.execPath, LAUNCHER], {
    env: { PATH: '/usr/bin:/bin', HOME: daemon.home, CLAW_HOME: daemon.home },
    timeout: 50_000,
  })
  expect(JSON.parse(stdout)).toMatchObject({ id: 1 })
  expect(stderr).toBe('')
})

describe('doctor', () => {
  const findings = async () => {
    const { stdout, code } = await run(['doctor', '--json'])
    return { code, of: (what: string) => JSON.parse(stdout).find((one: { what: string }) => one.what === what) }
  }

  test('all is well with a daemon that found everything', async () => {
    const { code, of } = await findings()
    expect(code).toBe(0)
    expect(of('agent pi')).toMatchObject({ level: 'warn' })
    expect(of('database')).toMatchObject({ level: 'ok' })
  })

  test('a home that is open to others, and a wrong configuration, are failures that say how to mend them', async () => {
    chmodSync(daemon.home, 0o755)
    writeFileSync(daemon.paths.configFile, 'runs:\n  maxx: 1\n')
    const { code, of } = await findings()
    expect(code).toBe(1)
    expect(of('home')).toMatchObject({ level: 'fail', mend: `chmod 700 ${daemon.home}` })
    expect(of('config')).toMatchObject({ level: 'fail', words: expect.stringContaining('did you mean "runs.max"?') })
  })

  test('without a daemon it says what can be seen, and how to start one', async () => {
    await daemon.stopServing()
    const { of } = await findings()
    expect(of('daemon')).toMatchObject({ level: 'warn', mend: 'claw daemon start' })
    expect(of('model')).toMatchObject({ level: 'warn' })
  })
})

describe.skipIf(!existsSync('/usr/bin/script'))('on a terminal', () => {
  /** util-linux's script gives the program a terminal; what is typed comes from its stdin. */
  const typing = (command: string, typed: string) =>
    new Promise<string>((resolve, reject) => {
      const line = `'${process.execPath}' '${LAUNCHER}' ${command}`
      const child = spawn('/usr/bin/script', ['-qec', line, '/dev/null'], {
        env: { PATH: '/usr/bin:/bin', HOME: daemon.home, CLAW_HOME: daemon.home, TERM: 'xterm', SHELL: '/bin/sh' },
        timeout: 50_000,
      })
      let said = ''
      const lines = typed.split('\n').slice(0, -1)
      child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text
        // Each line is typed when it is asked for.
        if (/(: |\? )$/.test(stripVTControlCharacters(said)) && lines.length > 0) {
          said += '\n'
          child.stdin.write(`${lines.shift()}\n`)
        }
      })
      child.on('error', reject)
      child.on('close', () => resolve(said))
    })

  test('an answer is asked for, and a number will do', async () => {
    daemon.inbox.put(anAsk())
    const said = await typing('answer 1', '2\n')
    expect(said).toContain('Number, choice or your words')
    expect((await daemon.inbox.get('1')).answer).toMatchObject({ choice: 'refuse', text: null })
  })

  test('a review asks for the judgement and for the comment', async () => {
    daemon.goals.put(aGoalView({ taskViews: [aTaskView()] }))
    const review = daemon.goals.review
    daemon.goals.review = async (name) => ({ ...(await review(name)), asks: [anAsk({ kind: 'review' })] })
    const said = await typing('review 1.1', 'r\nmore tests\n')
    expect(said).toContain('[t]ake over')
    expect(lastCall('reject')).toEqual(['reject', '1.1', 'more tests', 'cli'])
  })

  test('a watch draws a board and gives the cursor back', async () => {
    daemon.goals.put(aGoalView({ goal: aGoal({ state: 'met' }), status: 'met', taskViews: [aTaskView()] }))
    const said = await typing('watch 1', '')
    expect(said).toContain('Write the limiter')
    expect(said).toContain('\u001b[J')
    expect(said.trimEnd().endsWith('\u001b[?25h')).toBe(true)
  })
})
