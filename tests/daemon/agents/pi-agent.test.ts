import { expect, test } from 'vitest'
import { createPiProfile } from '../../../daemon/agents/profiles/pi.ts'
import { createPrograms } from '../../../daemon/agents/programs.ts'
import { agentContract } from '../../contracts/agent.ts'
import { createAgentRoom } from '../../fakes/agent-room.ts'
import { scriptModel } from '../../fakes/script-model.ts'
import { script } from '../../fakes/scripted-agent.ts'
import { startModelServer } from '../../model-server/model-server.ts'

const nodeModules = new URL('../../../node_modules', import.meta.url).pathname
const programs = createPrograms({ node: process.execPath, path: '/usr/bin:/bin', nodeModules, privateFolders: [] })
const isInstalled = programs.find('pi') !== undefined && programs.find('pi-acp') !== undefined

if (isInstalled) {
  agentContract('pi', async (room) => {
    const server = await startModelServer({ script: scriptModel })
    return {
      profile: createPiProfile(room.programs),
      model: { api: 'openai-chat', baseUrl: `${server.url}/v1`, key: 'loopback-key', model: 'scripted-model' },
      dispose: async () => server[Symbol.asyncDispose](),
    }
  })
}

test.skipIf(!isInstalled).each(['anthropic', 'openai-responses', 'openai-chat', 'google'] as const)(
  'pi speaks %s to the model it is given, with its key, and remembers what was said before it was killed',
  async (api) => {
    await using server = await startModelServer({ script: scriptModel })
    await using room = await createAgentRoom()
    const model = { api, baseUrl: server.url, key: 'loopback-key', model: 'scripted-model' }
    const profile = createPiProfile(room.programs)
    const first = await room.open({ profile, model })
    await first.prompt(script([{ do: 'write', path: 'a.txt', text: 'a' }], 'The word is tamarind.'))
    expect(room.read('a.txt')).toBe('a')
    process.kill(-room.spawned[0]!.pid, 'SIGKILL')
    await first.stop()
    const second = await room.open({ profile, model, sessionId: first.sessionId })
    await second.prompt('What was the word?')
    const last = server.requests.findLast((request) => request.api !== null)!
    expect(last.api).toBe(api)
    expect(last.body).toContain('tamarind')
    expect(JSON.stringify([last.headers, last.path])).toContain('loopback-key')
    expect(server.requests.filter((request) => request.api === null).map(({ path }) => path)).toEqual([])
  },
)
