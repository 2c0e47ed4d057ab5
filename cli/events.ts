import { setTimeout as delay } from 'node:timers/promises'
import type { StoredEvent } from '../core/events.ts'
import type { GoalView } from '../daemon/goals/views.ts'
import { type Client, type Locate, request } from './client.ts'
import { isDown } from './daemon.ts'
import type { Surface } from './surface.ts'
import { type WatchDeps, watchGoal } from './watch-goal.ts'

/** Events as they come, from after the cursor or from now on. Ends when the daemon closes. */
export async function* streamEvents(
  locate: Locate,
  options: { after?: number | undefined; goal?: string | undefined; signal: AbortSignal },
): AsyncGenerator<StoredEvent> {
  const query = new URLSearchParams()
  if (options.after !== undefined) query.set('after', String(options.after))
  if (options.goal !== undefined) query.set('goal', options.goal)
  const response = await request(locate, `/v1/events?${query}`, {
    headers: { accept: 'text/event-stream' },
    signal: options.signal,
  })
  for await (const data of readSse(response.body!)) yield JSON.parse(data) as StoredEvent
}

/** The data of each server-sent event. */
export async function* readSse(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  for await (const { data } of readFrames(body)) yield data
}

/** Each server-sent event with its name. A piece may end anywhere, in the middle of a letter too. */
export async function* readFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; data: string }> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const piece of body) {
    rest += decoder.decode(piece, { stream: true })
    const frames = rest.split('\n\n')
    rest = frames.pop()!
    for (const frame of frames) {
      const of = (name: string) =>
        frame
          .split('\n')
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).replace(/^ /, ''))
      const data = of('data')
      if (data.length > 0) yield { event: of('event')[0] ?? 'message', data: data.join('\n') }
    }
  }
}

/** Watches a goal over HTTP in the way that fits where the output goes. */
export async function watchOverHttp(
  surface: Surface,
  client: Client,
  locate: Locate,
  goal: string,
  mode?: WatchDeps['mode'],
): Promise<GoalView> {
  return watchGoal({
    show: async () => (await client.v1.goals[':goal'].$get({ param: { goal } })).json() as Promise<GoalView>,
    page: async (after) => {
      const response = await client.v1.events.$get({ query: { after: String(after), goal, limit: '500' } } as never)
      return ((await response.json()) as { events: StoredEvent[] }).events
    },
    news: (signal) => streamEvents(locate, { goal, signal }),
    out: surface.stdout,
    paint: surface.paint,
    now: surface.now,
    signal: surface.signal,
    mode: mode ?? (surface.isJson ? 'json' : surface.stdout.isTTY ? 'board' : 'lines'),
    sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
    mayPass: isDown,
  })
}
