/**
 * Follows one goal until it has ended: a live board on a terminal, plain lines elsewhere.
 *
 * The stream of events only says that there is news. What is shown is read anew, by cursor and by view,
 * so a stream that breaks costs a moment and never a line.
 */
import type { StoredEvent } from '../core/events.ts'
import { isGoalEnded } from '../core/goal.ts'
import type { GoalView } from '../daemon/goals/views.ts'
import { board } from './board.ts'
import { eventLine } from './event-line.ts'
import type { Paint } from './text.ts'

export interface WatchDeps {
  /** The goal as it is now. */
  show(): Promise<GoalView>
  /** Events of the goal after the cursor, lowest first; empty when there are no more. */
  page(after: number): Promise<StoredEvent[]>
  /** Yields whenever there may be news; ends or throws when the connection breaks, and is then called again. */
  news(signal: AbortSignal): AsyncIterable<unknown>
  out: {
    write(text: string): unknown
    columns?: number | undefined
    rows?: number | undefined
    isTTY?: boolean | undefined
  }
  paint: Paint
  now(): number
  signal: AbortSignal
  /** `board` redraws in place, `lines` prints events, `json` prints events as JSON lines, `quiet` only waits. */
  mode: 'board' | 'lines' | 'json' | 'quiet'
  /** Resolves after so long, or at once when the signal is aborted; never throws. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** Whether the failure may pass (the daemon restarts): the watch goes on for a while. */
  mayPass(error: unknown): boolean
}

/** The board is drawn at most so often, and at least so often while seconds count. */
const DRAW_MIN_MS = 150
const DRAW_MAX_MS = 1_000
/** Without news we look all the same. */
const LOOK_MS = 5_000
/** How long a daemon may be away before the watch gives up. */
const AWAY_MAX_MS = 60_000

/** Answers the goal as it ended. Throws the signal's reason when interrupted. */
export async function watchGoal(deps: WatchDeps): Promise<GoalView> {
  const over = new AbortController()
  const signal = AbortSignal.any([deps.signal, over.signal])
  const bell = createBell()
  const listening = listen(deps, signal, bell.ring)
  const screen = createScreen(deps)
  const shows = deps.mode !== 'board' && deps.mode !== 'quiet'
  let cursor = 0
  let frame = 0
  let awaySince: number | undefined
  let view: GoalView | undefined
  let lookedAt = Number.NEGATIVE_INFINITY
  try {
    for (;;) {
      deps.signal.throwIfAborted()
      const heard = bell.take()
      try {
        if (heard || !view || deps.now() - lookedAt >= LOOK_MS) {
          view = await deps.show()
          lookedAt = deps.now()
          // After the view: what led to it is printed before we leave.
          if (shows) cursor = await printAll(deps, cursor)
        }
        awaySince = undefined
      } catch (error) {
        if (!deps.mayPass(error)) throw error
        awaySince ??= deps.now()
        if (deps.now() - awaySince > AWAY_MAX_MS) throw error
      }
      if (view) {
        screen.draw(view, frame++, awaySince !== undefined)
        if (isGoalEnded(view.goal.state)) return view
      }
      await deps.sleep(DRAW_MIN_MS, signal)
      await bell.wait(deps.mode === 'board' ? DRAW_MAX_MS - DRAW_MIN_MS : LOOK_MS, deps.sleep, signal)
    }
  } finally {
    over.abort()
    screen.leave()
    await listening
  }
}

async function printAll({ page, out, paint, mode }: WatchDeps, start: number): Promise<number> {
  let cursor = start
  for (;;) {
    const events = await page(cursor)
    for (const event of events) {
      const line = mode === 'json' ? JSON.stringify(event) : eventLine(event, paint)
      if (line !== undefined) out.write(`${line}\n`)
      cursor = event.id
    }
    if (events.length === 0) return cursor
  }
}

/** Rings for each piece of news; connects again after a break until the signal ends it. Never throws. */
async function listen({ news, sleep }: WatchDeps, signal: AbortSignal, ring: () => void): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const _ of news(signal)) ring()
    } catch {
      // the daemon went away or is not back yet
    }
    ring()
    await sleep(DRAW_MAX_MS, signal)
  }
}

function createBell() {
  let rung = false
  let wake = () => {}
  return {
    ring() {
      rung = true
      wake()
    },
    take() {
      const was = rung
      rung = false
      return was
    },
    /** Until it rings, the time is up, or the signal says so. */
    async wait(ms: number, sleep: WatchDeps['sleep'], signal: AbortSignal) {
      if (rung) return
      const ringing = new AbortController()
      wake = () => ringing.abort()
      await sleep(ms, AbortSignal.any([signal, ringing.signal]))
      wake = () => {}
    },
  }
}

/** Draws over its own last drawing. Lines never wrap, so their number is how far up it has to go. */
function createScreen({ out, paint, now, mode }: WatchDeps) {
  let drawn = 0
  let last = ''
  return {
    draw(view: GoalView, frame: number, isAway: boolean) {
      if (mode !== 'board') return
      // 0 is a terminal that does not know.
      const width = Math.max(20, (out.columns || 80) - 1)
      const height = Math.max(4, (out.rows || 24) - 2)
      const lines = board(view, { width, height, now: now(), frame, paint })
      if (isAway) lines.push(paint('yellow', 'the daemon is away; waiting for it'.slice(0, width)))
      const text = `${lines.join('\n')}\n`
      if (text === last) return
      // Hidden while it is drawn, so that it does not flicker over the lines.
      out.write(`\x1b[?25l${drawn > 0 ? `\x1b[${drawn}A` : ''}\r\x1b[J${text}\x1b[?25h`)
      drawn = lines.length
      last = text
    },
    leave() {
      if (mode === 'board') out.write('\x1b[?25h')
    },
  }
}
