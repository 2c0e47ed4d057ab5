import type { World } from '../../core/world.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { ListedTool } from './outside-server.ts'

/**
 * What the owner agreed to, tool by tool.
 *
 * When a server is first seen its tools are taken as they are: the owner has just put it into the configuration.
 * From then on a tool that is new or says something else is off until the owner agrees again; models are only ever
 * told what was agreed to.
 */
export interface Pins {
  /** Every tool of a server, by name; from memory after the first time. */
  list(server: string): Promise<Pin[]>
  /** Compares with what the server says now, writes the difference down, and answers all of them. */
  see(server: string, tools: readonly ListedTool[]): Promise<Pin[]>
  /** Agrees to what the server says now, of one tool or of all. Answers their names. */
  agree(server: string, tool: string | null, by: string): Promise<string[]>
  /** Keeps the owner's "always". It ends when the tool changes. */
  allowAlways(server: string, tool: string): Promise<void>
}

export interface Pin {
  name: string
  /** on: as agreed. The others are off. */
  state: 'on' | 'new' | 'changed' | 'gone'
  agreed: ListedTool | null
  seen: ListedTool | null
  isAlways: boolean
}

export function createPins({ store, world }: { store: Store; world: World }): Pins {
  const known = new Map<string, Pin[]>()

  async function read(server: string): Promise<Pin[]> {
    const rows = await store.db
      .selectFrom('outsideTool')
      .selectAll()
      .where('server', '=', server)
      .orderBy('name')
      .execute()
    const pins = rows.map(({ name, agreed, seen, isAlways }) => ({
      name,
      state: stateOf(agreed, seen),
      agreed: agreed === null ? null : (JSON.parse(agreed) as ListedTool),
      seen: seen === null ? null : (JSON.parse(seen) as ListedTool),
      isAlways: isAlways === 1,
    }))
    known.set(server, pins)
    return pins
  }

  return {
    list: async (server) => known.get(server) ?? read(server),
    async see(server, tools) {
      const now = new Map(tools.map((tool) => [tool.name, tool]))
      const before = await read(server)
      const isFirst = before.length === 0
      const at = world.clock.now()
      const written = await store.transaction(async (tx) => {
        let count = 0
        for (const [name, tool] of now) {
          const seen = canonical(tool)
          const old = before.find((pin) => pin.name === name)
          if (old && old.seen !== null && canonical(old.seen) === seen) continue
          const agreed = isFirst ? seen : old?.agreed ? canonical(old.agreed) : null
          const row = { server, name, agreed, seen, isAlways: 0, changedAt: at }
          // Back to what was agreed to: nothing has changed, an "always" holds again.
          const isAlways = agreed === seen && old?.isAlways ? 1 : 0
          await tx
            .insertInto('outsideTool')
            .values({ ...row, isAlways })
            .onConflict((found) => found.columns(['server', 'name']).doUpdateSet({ seen, changedAt: at }))
            .execute()
          count++
          const change = stateOf(agreed, seen)
          if (change === 'new' || change === 'changed')
            await addEvent(tx, at, { type: 'tool.changed', data: { server, tool: name, change } })
        }
        for (const pin of before) {
          if (now.has(pin.name) || pin.seen === null) continue
          count++
          // One that comes and goes and was never agreed to leaves nothing.
          if (pin.agreed === null) {
            await tx.deleteFrom('outsideTool').where('server', '=', server).where('name', '=', pin.name).execute()
            continue
          }
          await tx
            .updateTable('outsideTool')
            .set({ seen: null, changedAt: at })
            .where('server', '=', server)
            .where('name', '=', pin.name)
            .execute()
          await addEvent(tx, at, { type: 'tool.changed', data: { server, tool: pin.name, change: 'gone' } })
        }
        return count
      })
      return written === 0 ? before : read(server)
    },
    async agree(server, tool, by) {
      const pins = (await read(server)).filter((pin) => pin.state !== 'on' && (tool === null || pin.name === tool))
      const at = world.clock.now()
      await store.transaction(async (tx) => {
        for (const { name, seen } of pins) {
          if (seen === null) {
            await tx.deleteFrom('outsideTool').where('server', '=', server).where('name', '=', name).execute()
            continue
          }
          await tx
            .updateTable('outsideTool')
            .set({ agreed: canonical(seen), isAlways: 0, changedAt: at })
            .where('server', '=', server)
            .where('name', '=', name)
            .execute()
          await addEvent(tx, at, { type: 'tool.agreed', data: { server, tool: name, by } })
        }
      })
      await read(server)
      return pins.map(({ name }) => name)
    },
    async allowAlways(server, tool) {
      await store.transaction((tx) =>
        tx
          .updateTable('outsideTool')
          .set({ isAlways: 1 })
          .where('server', '=', server)
          .where('name', '=', tool)
          .execute(),
      )
      await read(server)
    },
  }
}

function stateOf(agreed: string | null, seen: string | null): Pin['state'] {
  if (seen === null) return 'gone'
  if (agreed === null) return 'new'
  return agreed === seen ? 'on' : 'changed'
}

/** The order of keys is no change. */
function canonical(tool: ListedTool): string {
  return JSON.stringify(tool, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
