import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Step } from '../fakes/scripted-agent.ts'
import { addGoal, aPlannedTask, createScene, isEndOf, type Life } from '../scenarios/harness.ts'
import { claw } from './run-claw.ts'

/** The real command line on a real daemon whose owner has said what agents may do. */
const scene = createScene({
  config: {
    policy: { allow: ['make docs'], ask: ['git push'], deny: ['npm publish'] },
    memory: { enabled: false },
  },
})
let life: Life
beforeAll(async () => {
  life = scene.start()
  expect(await life.ready, life.words()).toBe(true)
})
afterAll(async () => {
  await life?.stop()
  await scene[Symbol.asyncDispose]()
})
const run = (...args: string[]) => claw(args, { home: scene.paths.home, cwd: scene.dir })

describe('claw policy test', () => {
  test.each([
    ['npm publish', /^reject: is refused; .*\n.*npm publish/],
    ['sh -c "cd x && npm publish --tag next"', /^reject: is refused/],
    ['make docs', /^allow: runs without you/],
    ['git push origin main', /^ask: you are asked/],
  ])('%s', async (command, words) => {
    const said = await run('policy', 'test', command)
    expect(said).toMatchObject({ code: 0, stderr: '' })
    expect(said.stdout).toMatch(words)
    expect(said.stdout).toMatch(/rule .* {4}profile \S+ \(.*\) {4}agent scripted/)
  })

  test('as JSON, and for an agent, a repository or a goal that is not there', async () => {
    const json = JSON.parse((await run('policy', 'test', 'npm publish', '--json')).stdout)
    expect(json).toMatchObject({ decision: 'reject', agent: 'scripted', reason: expect.any(String) })
    for (const [args, words] of [
      [['npm test', '--agent', 'nobody'], /nobody/],
      [['npm test', '--goal', '99'], /99/],
      [['   '], /The command is empty/],
    ] as const) {
      const said = await run('policy', 'test', ...args)
      expect(said.code, said.stdout).not.toBe(0)
      expect(said.stderr).toMatch(words)
      expect(said.stdout).toBe('')
    }
  })
})

test('claw policy show prints permissions and rules as they stand', async () => {
  const { stdout } = await run('policy', 'show')
  expect(stdout).toMatch(/^everywhere: edit\+commands \(no sandbox: commands are asked about\)/)
  expect(stdout).toContain('deny: npm publish')
  expect(stdout).toContain('ask: git push')
  expect(stdout).toContain('allow: make docs')
  expect(JSON.parse((await run('policy', 'show', '--json')).stdout)).toMatchObject({ permissions: 'edit+commands' })
})

test('what was decided for a goal’s agents is in its audit, each with reason and rule', async () => {
  const steps: Step[] = [
    { do: 'ask', command: 'npm publish', yes: [{ do: 'write', path: 'bad.txt', text: 'x' }], no: [] },
    { do: 'ask', command: 'make docs', yes: [{ do: 'write', path: 'a.txt', text: 'a was here\n' }], no: [] },
  ]
  const goal = await addGoal(life, scene, 'one', { tasks: [aPlannedTask('a', { steps })] })
  await life.until(isEndOf(goal.id))
  const said = await run('events', '--goal', '1', '--type', 'permission')
  const lines = said.stdout.trim().split('\n')
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(/1\.1 reject run `npm publish`: .+ \(.+, policy\)/)
  expect(lines[1]).toMatch(/1\.1 allow run `make docs`: .+ \(.+, policy\)/)
  const limited = await run('events', '--goal', '1', '--type', 'permission', '--after', '0', '--limit', '1')
  expect(limited.stdout.trim().split('\n')).toEqual([lines[0]])
  expect((await run('events', '--goal', '1', '--type', 'nothing')).stdout).toBe('')
})
