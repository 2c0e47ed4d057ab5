import { delimiter, join } from 'node:path'
import { test } from 'vitest'
import { huntForKey } from '../scenarios/key-hunt.ts'
import { AGENTS, findProgram } from './installed.ts'

/** What the quick suite shows with pi, for the other real programs: none of them ever sees the owner's key. */
const folders = ['node_modules/.bin', 'more/node_modules/.bin', 'more/node_modules/opencode-linux-x64/bin']
process.env['PATH'] = [...folders.map((folder) => join(import.meta.dirname, folder)), process.env['PATH']].join(
  delimiter,
)

test.each([
  ['goose', 'openai-chat'],
  ['codex', 'openai'],
  ['claude', 'anthropic'],
  ['opencode', 'openai-chat'],
  ['gemini', 'google'],
  ['qwen', 'openai-chat'],
  ['copilot', 'openai-chat'],
] as const)('the owner’s key is nowhere that %s can look', async (name, provider) => {
  if (!findProgram(AGENTS.find((agent) => agent.name === name)!))
    return console.log(`skipped: ${name} is not installed (npm run agents:install, npm run agents:install:more)`)
  await huntForKey(name, provider)
})
