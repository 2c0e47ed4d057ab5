/**
 * The event stream: a page as JSON, or live as server-sent events.
 *
 * The stream is pulled: the next page is read only when the client has taken the one before, so a slow
 * client costs a page of memory and loses nothing. Every event's id is its SSE id; a client that was cut
 * off comes back with Last-Event-ID and goes on exactly there.
 */
import { Hono } from 'hono'
import type { StoredEvent } from '../../core/events.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { Goals } from '../goals/goals.ts'
import { EventsQuery } from './bodies.ts'
import type { EventSource } from './event-source.ts'
import { query } from './valid.ts'

/** A comment so often keeps proxies and half-dead connections honest. */
export const HEARTBEAT_MS = 15_000
const PAGE_MAX = 200

interface EventRouteDeps {
  events: EventSource
  goals: Pick<Goals, 'show'>
  closing: AbortSignal
  world: World
}

export function eventRoutes({ events, goals, closing, world }: EventRouteDeps) {
  return new Hono().get('/', query(EventsQuery), async (c) => {
    const { after, limit, goal } = c.req.valid('query')
    const goalId = goal === undefined ? undefined : (await goals.show(goal)).goal.id
    const only = goalId === undefined ? {} : { goalId }
    if (!(c.req.header('accept') ?? '').includes('text/event-stream')) {
      const page = await events.page({ after: after ?? 0, limit, ...only })
      return c.json({ events: page, next: page.at(-1)?.id ?? after ?? 0 })
    }
    const cursor = lastEventId(c.req.header('last-event-id')) ?? after ?? (await events.latest())
    const stream = eventStream({ events, cursor, closing, world, ...only })
    // The type of the stream says nothing to the RPC client, which reads it by hand.
    return c.body(stream, 200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }) as never
  })
}

function lastEventId(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  const id = Number(header)
  if (!Number.isSafeInteger(id) || id < 0) {
    throw new Fault('input_invalid', `Last-Event-ID is ${JSON.stringify(header.slice(0, 40))}, not an event's number`)
  }
  return id
}

interface StreamDeps {
  events: EventSource
  cursor: number
  goalId?: string
  closing: AbortSignal
  world: World
}

/** Ends when the client goes or the daemon closes. Each chunk holds whole events. */
export function eventStream({ events, cursor: start, goalId, closing, world }: StreamDeps): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let cursor = start
  let nudges = 0
  let wake = () => {}
  let isOver = false
  const end = () => {
    isOver = true
    wake()
  }
  const subscription = events.onNew(() => {
    nudges++
    wake()
  })
  closing.addEventListener('abort', end, { once: true })
  const release = () => {
    subscription[Symbol.dispose]()
    closing.removeEventListener('abort', end)
  }

  /** Answers whether it was the heartbeat that ended the wait. A nudge since `seen` ends it at once. */
  const waitForNews = (seen: number) =>
    new Promise<boolean>((resolve) => {
      if (nudges !== seen || isOver) return resolve(false)
      const timer = world.clock.after(HEARTBEAT_MS, () => settle(true))
      const settle = (isHeartbeat: boolean) => {
        timer[Symbol.dispose]()
        wake = () => {}
        resolve(isHeartbeat)
      }
      wake = () => settle(false)
    })

  return new ReadableStream<Uint8Array>({
    start(controller) {
      // At once, so that the client knows it is connected.
      controller.enqueue(encoder.encode(': claw events\n\n'))
    },
    async pull(controller) {
      try {
        while (!isOver && !closing.aborted) {
          // Counted before the page is read: what is added meanwhile is found by the next round.
          const seen = nudges
          const page = await events.page({
            after: cursor,
            limit: PAGE_MAX,
            ...(goalId === undefined ? {} : { goalId }),
          })
          if (isOver) break
          const last = page.at(-1)
          if (last) {
            cursor = last.id
            controller.enqueue(encoder.encode(page.map(frame).join('')))
            return
          }
          if (await waitForNews(seen)) {
            controller.enqueue(encoder.encode(': still here\n\n'))
            return
          }
        }
        release()
        controller.close()
      } catch (error) {
        release()
        // The client comes back with the last id it has; what went wrong is for the log.
        if (!isOver) world.log.error({ err: error }, 'event stream broke')
        controller.error(error)
      }
    },
    cancel() {
      end()
      release()
    },
  })
}

function frame(event: StoredEvent): string {
  // JSON has no raw line breaks, so one data line is enough.
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
