import { agentWords } from '../agents/agents-here.ts'
import type { Health } from '../health.ts'
import { countGoals, listAsks, listOpenRuns } from '../store/rows.ts'
import type { Ground } from './ground.ts'
import type { Machine } from './machine.ts'
import type { Thinking } from './thinking.ts'

/** How the daemon is, in words for its owner; where it listens is for its server to say. */
export function createHealth(
  { paths, world, host, store, gateway, memory }: Ground,
  { sandbox, agents }: Machine,
  { brain, choice }: Thinking,
): () => Promise<Omit<Health, 'url'>> {
  const startedAt = world.clock.now()
  return async () => ({
    version: host.version,
    pid: host.pid,
    startedAt,
    home: paths.home,
    node: process.version,
    agents: agents.detected.map((agent) => ({
      name: agent.name,
      title: agent.profile.title,
      found: agent.usable,
      installed: agent.missing.length === 0,
      loggedIn: agent.loggedIn,
      apis: [...agent.profile.apis],
      words: agentWords(agent),
    })),
    brain: choice.use === 'none' ? `none: ${choice.why}` : brain.name,
    model: gateway.models[0] ? `${gateway.models[0].model} (${gateway.models[0].api})` : null,
    upstreams: gateway.upstreams().map(({ name, ready, words }) => ({ name, ready, words })),
    sandbox: { name: sandbox.name, words: sandbox.words },
    memory: memory.words(),
    goals: {
      open: await countGoals(store.db, ['open', 'paused']),
      waiting: new Set((await listAsks(store.db, { state: 'open' })).map((ask) => ask.goalId)).size,
    },
    runs: (await listOpenRuns(store.db)).length,
  })
}
