import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, onTestFinished } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import { scriptModel } from '../fakes/script-model.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { openRoom, plan, task } from './daemon-room.ts'

const KEY = 'sk-the-owners-own-key-7f3a'
/** How each provider is given its key. */
const KEY_HEADERS = {
  'openai-chat': (headers: Headers) => headers['authorization'] === `Bearer ${KEY}`,
  openai: (headers: Headers) => headers['authorization'] === `Bearer ${KEY}`,
  anthropic: (headers: Headers) => headers['x-api-key'] === KEY,
  google: (headers: Headers) => headers['x-goog-api-key'] === KEY,
}
type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * Lets a real agent do a goal with a model of the owner's, and looks for the owner's key wherever the agent, or
 * whoever reads what it leaves, could look: in its environment and command line while it asks, in every file
 * below the Claw home, its wire among them, and in the log.
 */
export async function huntForKey(agent: string, provider: keyof typeof KEY_HEADERS): Promise<void> {
  const seen: string[] = []
  const server = await startModelServer({
    script(request) {
      // While it asks, the agent lives: this is what it could read of itself.
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          const text = readFileSync(`/proc/${pid}/environ`, 'latin1')
          if (text.includes('CLAW_RUN_ID=run_') && text.includes(room.folder))
            seen.push(text, readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
        } catch {
          // it has gone
        }
      }
      return scriptModel(request)
    },
  })
  onTestFinished(() => server[Symbol.asyncDispose]())
  const room = await openRoom({
    env: { OWNER_KEY: KEY },
    waitMsMax: 180_000,
    config: {
      model: { provider, model: 'scripted-model', baseUrl: server.url, key: 'env:OWNER_KEY' },
      brain: { review: false, agent: null },
      agents: { default: agent, custom: {} },
    },
  })
  await room.add(plan([task('a')]), makeRepository({ 'README.md': '# Hello\n' }), { agent })
  expect((await room.settled()).goal.state, room.picture()).toBe('met')

  expect(seen.length).toBeGreaterThan(0)
  expect(seen.join('\n')).not.toContain(KEY)
  const asked = server.requests.filter(({ api }) => api !== null)
  expect(asked.length).toBeGreaterThan(0)
  expect(asked.every(({ headers }) => KEY_HEADERS[provider](headers))).toBe(true)
  const contents = filesBelow(room.paths.home)
  expect(contents.some(({ file }) => file.includes('wire'))).toBe(true)
  for (const { file, bytes } of contents) expect(bytes.includes(KEY), file).toBe(false)
  expect(room.log.join('\n')).not.toContain(KEY)
}

/** The index of the memory may be compacting: a file that goes meanwhile is looked for and not found. */
function filesBelow(folder: string): { file: string; bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
    .flatMap((file) => {
      try {
        const bytes = readFileSync(file)
        return [{ file, bytes: file.endsWith('.gz') ? gunzipSync(bytes) : bytes }]
      } catch {
        return []
      }
    })
}
