import { setTimeout as delay } from 'node:timers/promises'
import type { StoredEvent } from '../../core/events.ts'
import type { Client, Locate } from '../client.ts'
import { connect, isDown, locateIn } from '../daemon.ts'
import { eventLine } from '../event-line.ts'
import { streamEvents } from '../events.ts'
import { EXIT } from '../exit.ts'
import type { Surface } from '../surface.ts'

/** How long a daemon may be away before we stop following. */
const AWAY_MAX_MS = 60_000
const PAGE = 1000

interface EventOptions {
  goal?: string
  /** Types that begin so. */
  type?: string
  after?: number
  limit: number
  follow?: boolean
}

export async function events(surface: Surface, options: EventOptions): Promise<number> {
  const client = await connect(surface, { start: false })
  let cursor = options.after ?? 0
  for (const event of await collect(client, options)) {
    print(surface, event)
    cursor = event.id
  }
  if (options.follow) await follow(surface, locateIn(surface.paths), options, cursor)
  return EXIT.ok
}

/** The first so many after the cursor; without one, the last so many there are. */
async function collect(client: Client, { goal, type = '', after, limit }: EventOptions): Promise<StoredEvent[]> {
  let kept: StoredEvent[] = []
  let cursor = after ?? 0
  for (;;) {
    if (after !== undefined && kept.length >= limit) return kept.slice(0, limit)
    // Of one type only, nobody knows how many are to be read for so many.
    const wanted = after === undefined || type !== '' ? PAGE : Math.min(PAGE, limit - kept.length)
    const query = { after: String(cursor), limit: String(wanted), goal }
    const response = await client.v1.events.$get({ query } as never)
    const page = ((await response.json()) as { events: StoredEvent[] }).events
    kept = [...kept, ...page.filter((event) => event.type.startsWith(type))]
    if (after === undefined) kept = limit === 0 ? [] : kept.slice(-limit)
    if (page.length < wanted) return after === undefined ? kept : kept.slice(0, limit)
    cursor = page.at(-1)!.id
  }
}

/** Goes on after a break exactly where it was. */
async function follow(
  surface: Surface,
  locate: Locate,
  { goal, type = '' }: EventOptions,
  start: number,
): Promise<void> {
  let cursor = start
  let awaySince: number | undefined
  for (;;) {
    try {
      for await (const event of streamEvents(locate, { after: cursor, goal, signal: surface.signal })) {
        awaySince = undefined
        if (event.type.startsWith(type)) print(surface, event)
        cursor = event.id
      }
    } catch (error) {
      surface.signal.throwIfAborted()
      // A stream that breaks off in the middle is a TypeError of fetch.
      if (!isDown(error) && !(error instanceof TypeError)) throw error
      awaySince ??= surface.now()
      if (surface.now() - awaySince > AWAY_MAX_MS) throw error
    }
    await delay(500, undefined, { signal: surface.signal }).catch(() => surface.signal.throwIfAborted())
  }
}

function print(surface: Surface, event: StoredEvent): void {
  const line = surface.isJson ? JSON.stringify(event) : eventLine(event, surface.paint)
  if (line !== undefined) surface.print(line)
}
