import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/**
 * The product with real agent programs, from a goal to the merge: four tasks, one that is sent back by its check,
 * two that collide. Whatever the agent, the end is the same.
 */
const root = fileURLToPath(new URL('../..', import.meta.url))
const own = join(root, 'tests/agents/node_modules/.bin')
const more = join(root, 'tests/agents/more/node_modules/.bin')
const AGENTS = {
  pi: join(root, 'node_modules/.bin/pi-acp'),
  goose: join(own, 'goose'),
  codex: join(own, 'codex-acp'),
  claude: join(own, 'claude-agent-acp'),
  opencode: join(root, 'tests/agents/more/node_modules/opencode-linux-x64/bin/opencode'),
  gemini: join(more, 'gemini'),
  qwen: join(more, 'qwen'),
  copilot: join(more, 'copilot'),
}

describe.each(Object.entries(AGENTS))('%s', (agent, program) => {
  const isThere = existsSync(program)
  if (!isThere)
    console.log(
      `skipped: ${agent} is not installed (npm run ${program.includes('/more/') ? 'agents:install:more' : 'agents:install'})`,
    )

  test.skipIf(!isThere)(
    'plans are worked off, failures mended, conflicts settled, all of it proven and merged',
    async () => {
      const { code, out, err } = await demo(agent)
      expect(code, err).toBe(0)
      const result = JSON.parse(out)
      expect(result).toMatchObject({
        outcome: 'met',
        branch: 'main',
        landedCommit: expect.stringMatching(/^[0-9a-f]{40}$/),
      })
      expect(result.tasks).toHaveLength(4)
      for (const task of result.tasks) {
        expect(task).toMatchObject({ state: 'done', agents: [agent] })
        const passed = task.proofs
          .filter((proof: { passed: boolean }) => proof.passed)
          .map((proof: { kind: string }) => proof.kind)
        expect(passed).toContain('task')
        expect(passed).toContain('landing')
      }
      const attempts = result.tasks.map((task: { attempts: number }) => task.attempts)
      expect(attempts[2], 'the counter is wrong at first').toBe(2)
      expect(attempts[0] + attempts[1], 'one of the two that collide is settled by a second run').toBe(3)
    },
  )
})

function demo(agent: string): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'demo/main.ts'), '--json', '--agent', agent], {
    env: {
      PATH: [dirname(process.execPath), dirname(AGENTS[agent as keyof typeof AGENTS]), process.env['PATH']].join(
        delimiter,
      ),
      TMPDIR: process.env['TMPDIR'] ?? '/tmp',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 370_000,
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err = (err + chunk).slice(-5_000)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out, err }))
  })
}
