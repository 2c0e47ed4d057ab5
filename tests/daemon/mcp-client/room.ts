import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, McpServerConfig } from '../../../config/schema.ts'
import type { World } from '../../../core/world.ts'
import type { StoreInbox } from '../../../daemon/inbox/store-inbox.ts'
import { createOutsideTools } from '../../../daemon/mcp-client/create-outside-tools.ts'
import type { OutsideTools } from '../../../daemon/mcp-client/outside-tools.ts'
import { createProcessTable } from '../../../daemon/processes/process-table.ts'
import type { Store } from '../../../daemon/store/store.ts'
import { aHostSecrets } from '../../fakes/host-secrets.ts'
import { addTwoGoals, openMcpPlace } from '../../fakes/mcp-place.ts'

type ServerInput = Parameters<typeof McpServerConfig.parse>[0]

/** The odd server as a configuration would name it. */
export function odd(mode: string, more: object = {}, file?: string): ServerInput {
  const program = join(import.meta.dirname, 'odd-server.ts')
  return { command: process.execPath, args: [program, mode, ...(file ? [file] : [])], ...more }
}

/** Outside tools over real processes and rows: two goals, tasks and runs at work. */
export async function openOutside(
  servers: Record<string, ServerInput>,
  { env = {}, resultMaxKb = 64, world }: { env?: Record<string, string>; resultMaxKb?: number; world?: World } = {},
) {
  const home = mkdtempSync(join(tmpdir(), 'claw-outside-'))
  const config: Pick<Config, 'mcp'> = {
    mcp: {
      servers: Object.fromEntries(Object.entries(servers).map(([name, one]) => [name, McpServerConfig.parse(one)])),
      resultMaxKb,
    },
  }
  const table = createProcessTable()
  const secrets = aHostSecrets({ env })
  const openOver = (parts: { store: Store; world: World; inbox: StoreInbox }) =>
    createOutsideTools({
      ...parts,
      config,
      table,
      secrets,
      home,
      baseEnv: { PATH: process.env['PATH'] ?? '' },
      version: '0.1.0',
    })
  let tools!: OutsideTools
  const place = await openMcpPlace({
    file: join(home, 'claw.db'),
    ...(world ? { world } : {}),
    outside: async (parts) => {
      tools = await openOver(parts)
      return tools
    },
  })
  await addTwoGoals(place)
  const open = () => openOver({ store: place.store, world: place.world, inbox: place.runInbox })
  const who = { goalId: 'goal_1', taskId: 'task_11', runId: 'run_11' } as const
  const call = (name: string, input: Record<string, unknown> = { q: 'x' }, waitMs: number | null = 0) =>
    tools.call({ to: 'runs', who, name, input }, waitMs, new AbortController().signal)
  return {
    ...place,
    home,
    table,
    tools,
    open,
    call,
    /** Over HTTP, as an owner. */
    call_: place.call,
    who,
    secrets,
    write: (name: string, text: string) => writeFileSync(join(home, name), text),
    file: (name: string) => join(home, name),
    /** Processes of servers that are alive. */
    async alive() {
      const rows = await place.store.db.selectFrom('toolserver').select('id').execute()
      return (await table.list()).filter(({ runId }) => rows.some(({ id }) => id === runId))
    },
    async [Symbol.asyncDispose]() {
      await place[Symbol.asyncDispose]()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
