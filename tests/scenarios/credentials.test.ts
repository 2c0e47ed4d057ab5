import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { type DaemonRoom, openRoom, plan, states, task, taskOf } from './daemon-room.ts'

const SECRET = 'planted/deploy "token" 4711'
const DIGEST = createHash('sha256').update(SECRET).digest('hex').slice(0, 16)
const config = { credentials: { deploy: 'env:DEPLOY_SECRET' } }
const env = { DEPLOY_SECRET: SECRET }
const credentials = [
  { secret: 'deploy', variable: 'DEPLOY', as: 'variable' as const },
  { secret: 'env:DEPLOY_SECRET', variable: 'DEPLOY_FILE', as: 'file' as const },
]

/** Looks whether it has them, and keeps the answer and nothing else. */
const digest = (of: string) => `[ "$(${of} | sha256sum | cut -c1-16)" = ${DIGEST} ]`
const USE: Step = {
  do: 'run',
  command: `if ${digest('printf %s "$DEPLOY"')} && ${digest('printf %s "$(cat "$DEPLOY_FILE")"')}; then echo good; else echo without; fi > a.txt`,
}
const either = [{ command: 'grep -qE "good|without" a.txt', kind: 'fails-before' as const }]

/** Every file of the home, as bytes, without the objects of git. */
function filesWith(room: DaemonRoom, text: string): string[] {
  const found: string[] = []
  const walk = (dir: string) => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile() && statSync(path).size < 50_000_000 && readFileSync(path).includes(text)) found.push(path)
    }
  }
  walk(room.paths.home)
  return found
}

test('a run is given a secret once the owner agreed, for the goal, and nothing that Claw keeps holds it', async () => {
  const room = await openRoom({ config, env })
  const leak: Step = { do: 'say', text: 'I was given ', env: 'DEPLOY' }
  const steps: Step[] = [USE, leak, { do: 'run', command: 'echo "$DEPLOY" >&2; printf %s "$DEPLOY" | base64' }]
  await room.add(
    plan([
      task('a', steps, { credentials }),
      task('b', [USE, { do: 'run', command: 'mv a.txt b.txt' }], { credentials }),
    ]),
    makeRepository({ 'README.md': '#' }),
  )
  const ask = await room.openAsk('credential')
  expect(ask.question).toContain('deploy')
  expect(ask.detail).toContain('env:DEPLOY_SECRET')
  expect(JSON.stringify(ask)).not.toContain('planted')
  await room.answer('credential', 'goal')
  const view = await room.settled()
  expect(states(view)).toEqual(['done', 'done'])
  // Asked once, although two tasks and two variables want it.
  expect(view.asks.filter(({ kind }) => kind === 'credential').length).toBe(1)
  const events = await room.events()
  expect(events.filter(({ type }) => type === 'credential.decided').map(({ data }) => data)).toMatchObject([
    { reference: 'env:DEPLOY_SECRET', verdict: 'given', by: 'test', scope: 'goal' },
  ])
  const said = events.flatMap(({ data }) => ('text' in data ? [data.text] : [])).join('')
  expect(said).toContain('I was given [secret]')
  for (const form of [SECRET, JSON.stringify(SECRET).slice(1, -1), Buffer.from(SECRET).toString('base64')]) {
    expect(filesWith(room, form)).toEqual([])
    expect((await room.daemon.goals.report('1')).markdown).not.toContain(form)
    expect(room.log.join('\n')).not.toContain(form)
  }
})

test('a refusal is remembered: the work goes on without, and nobody is asked again', async () => {
  const room = await openRoom({ config, env })
  await room.add(plan([task('a', [USE], { credentials, checks: either })]), makeRepository({ 'README.md': '#' }))
  await room.openAsk('credential')
  await room.answer('credential', 'no')
  const view = await room.settled()
  expect(states(view)).toEqual(['done'])
  expect(room.clone('show', `${taskOf(view, 'a').task.commit}:a.txt`)).toBe('without')
  expect(view.asks.filter(({ kind }) => kind === 'credential').length).toBe(1)
})

test('agreed for the repository, the next goal there is not asked about, also after a restart; another repository is', async () => {
  const room = await openRoom({ config, env })
  const repository = makeRepository({ 'README.md': '#' })
  const one = () => plan([task('a', [USE], { credentials })])
  await room.add(one(), repository)
  await room.openAsk('credential')
  await room.answer('credential', 'repository')
  expect((await room.settled()).goal.state).toBe('met')
  await room.restart()
  const again = plan([task('b', [{ ...USE, command: USE.command.replace('a.txt', 'b.txt') }], { credentials })])
  await room.add(again, repository)
  expect((await room.settled('2')).goal.state).toBe('met')
  expect((await room.daemon.goals.show('2')).asks).toEqual([])
  await room.add(one(), makeRepository({ 'README.md': '# another' }))
  expect((await room.openAsk('credential', '3')).state).toBe('open')
})

test('the question outlives the daemon: asked before, answered after', async () => {
  const room = await openRoom({ config, env })
  await room.add(plan([task('a', [USE], { credentials })]), makeRepository({ 'README.md': '#' }))
  const ask = await room.openAsk('credential')
  await room.restart()
  expect((await room.openAsk('credential')).id).toBe(ask.id)
  await room.answer('credential', 'goal')
  expect((await room.settled()).goal.state).toBe('met')
})

test.each([
  ['a provider’s key', 'env:ANTHROPIC_API_KEY'],
  ['a provider’s key under another name', 'env:COPY'],
  ['what lies in Claw’s home', 'file:HOME/state/claw.db'],
])('%s is given to nobody, and nobody is asked', async (_, secret) => {
  const key = 'provider-key-0815'
  const room = await openRoom({
    env: { ANTHROPIC_API_KEY: key, COPY: key },
    config: { model: { provider: 'anthropic', model: 'm', baseUrl: 'http://127.0.0.1:9' } },
  })
  const wanted = [{ secret: secret.replace('HOME', room.paths.home), variable: 'STOLEN', as: 'variable' as const }]
  const steal: Step = { do: 'run', command: 'if [ -n "$STOLEN" ]; then echo good; else echo without; fi > a.txt' }
  await room.add(
    plan([task('a', [steal], { credentials: wanted, checks: either })]),
    makeRepository({ 'README.md': '#' }),
    { agent: 'scripted' },
  )
  const view = await room.settled()
  expect(view.asks).toEqual([])
  expect(room.clone('show', `${taskOf(view, 'a').task.commit}:a.txt`)).toBe('without')
})

test('work that holds the secret becomes no commit: its agent is told where, and the next try lands', async () => {
  const room = await openRoom({ config, env })
  const turns = {
    turns: [
      [{ do: 'run', command: 'echo good > a.txt; echo "token: $DEPLOY" >> a.txt' }],
      [{ do: 'when', contains: 'holds a secret in a.txt:2', yes: [{ do: 'write', path: 'a.txt', text: 'good\n' }] }],
    ] as Step[][],
  }
  await room.add(plan([task('a', turns as never, { credentials })]), makeRepository({ 'README.md': '#' }))
  await room.openAsk('credential')
  await room.answer('credential', 'goal')
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(view.taskViews[0]!.runs.map(({ outcome, failure }) => [outcome, failure])).toEqual([
    ['failed', 'work'],
    ['done', null],
  ])
  const all = room
    .clone('rev-list', '--all', '--objects')
    .split('\n')
    .map((line) => line.split(' ')[0]!)
  const commits = room.clone('log', '--all', '-p')
  expect(commits).not.toContain('planted')
  expect(all.length).toBeGreaterThan(0)
})

test('a plan that names what is no secret’s place is refused, and what it names is not repeated', async () => {
  const room = await openRoom({ config, env })
  const wrong = [{ secret: 'sk-live-1234567890', variable: 'TOKEN', as: 'variable' as const }]
  const refusal = room.add(plan([task('a', undefined, { credentials: wrong })]), makeRepository({ 'README.md': '#' }))
  await expect(refusal).rejects.toMatchObject({ code: 'plan_invalid', message: expect.stringContaining('TOKEN') })
  await refusal.catch((error) => expect(error.message).not.toContain('sk-live'))
})
