import type { Paths } from '../../config/paths.ts'
import type { Config } from '../../config/schema.ts'
import type { Redactor } from '../../core/redact.ts'
import type { World } from '../../core/world.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { Host } from '../host.ts'
import type { StoreInbox } from '../inbox/store-inbox.ts'
import type { OutsideTools } from '../mcp-client/outside-tools.ts'
import type { MemoryDoor } from '../memory/open-memory.ts'
import type { EventWriter } from '../orchestrator/event-writer.ts'
import type { RunRegistry } from '../orchestrator/run-registry.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import type { Secrets } from '../secrets/secrets.ts'
import type { Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'

/** What every part of the daemon stands on. */
export interface Ground {
  config: Readonly<Config>
  /** What may change while the daemon works (config/live.ts). */
  live: { readonly current: Readonly<Config> }
  paths: Paths
  world: World
  host: Host
  secrets: Secrets
  /** The one that takes secrets out of all that leaves. */
  redactor: Redactor
  store: Store
  queue: Queue
  gateway: Gateway
  events: EventWriter
  inbox: StoreInbox
  registry: RunRegistry
  table: ProcessTable
  memory: MemoryDoor
  /** The owner's other MCP servers. */
  outside: OutsideTools
}
