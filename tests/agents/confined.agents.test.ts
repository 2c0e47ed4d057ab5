import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ModelAccess } from '../../daemon/agents/agent.ts'
import { listProfiles } from '../../daemon/agents/profiles/index.ts'
import { createPrograms } from '../../daemon/agents/programs.ts'
import { createAgentRoom } from '../fakes/agent-room.ts'
import { scriptModel } from '../fakes/script-model.ts'
import { script } from '../fakes/scripted-agent.ts'
import { startModelServer } from '../model-server/model-server.ts'

const root = join(import.meta.dirname, '..', '..')
const own = join(import.meta.dirname, 'node_modules/.bin')
const more = join(import.meta.dirname, 'more/node_modules')
const path = [own, join(more, '.bin'), join(more, 'opencode-linux-x64/bin'), '/usr/local/bin:/usr/bin:/bin'].join(':')
const programs = createPrograms({
  node: process.execPath,
  path,
  nodeModules: join(root, 'node_modules'),
  privateFolders: [],
})
const APIS: Record<string, ModelAccess['api']> = {
  pi: 'openai-chat',
  goose: 'openai-chat',
  codex: 'openai-responses',
  claude: 'anthropic',
  opencode: 'openai-chat',
  gemini: 'google',
  qwen: 'openai-chat',
  copilot: 'openai-chat',
}

/** With a network of its own each real agent still reaches its model, and nothing but it. */
describe.each(Object.entries(APIS))('%s in its sandbox', (name, api) => {
  const profile = listProfiles(programs, {}).find((other) => other.name === name)
  const isThere =
    profile !== undefined && [profile.command[0], ...(profile.programs ?? [])].every((word) => programs.find(word))
  if (!isThere) console.log(`skipped: ${name} is not installed (npm run agents:install, agents:install:more)`)

  test.skipIf(!isThere)('talks to its model through the door and works', async () => {
    await using server = await startModelServer({ script: scriptModel })
    await using room = await createAgentRoom({ path })
    if (room.sandbox === 'none') return console.log('skipped: no sandbox works here')
    const baseUrl = api === 'openai-chat' ? `${server.url}/v1` : server.url
    const session = await room.open(
      { profile: profile!, model: { api, baseUrl, key: 'k', model: 'scripted-model' } },
      { onPermission: async ({ options }) => options.find(({ kind }) => kind === 'allow_once')?.id },
    )
    await session.prompt(script([{ do: 'write', path: 'a.txt', text: 'a' }]))
    expect(room.read('a.txt').trim()).toBe('a')
    expect(server.requests.filter((request) => request.api === api).length).toBeGreaterThan(0)
    await session.stop()
    expect(await room.alive()).toEqual([])
  })
})
