import type { World } from '../../core/world.ts'
import type { UpstreamRow } from '../store/ledger-rows.ts'

/**
 * What one provider allows right now, shared by all who ask it: whether it is paused, and how many
 * requests at a time.
 *
 * The width follows the provider: halved when it limits us, one more after as many answers as it is wide.
 * Requests that were under way together are refused together; that counts as one refusal.
 */
export interface UpstreamGate {
  readonly name: string
  /** Undefined: open. */
  pausedUntil(): number | undefined
  readonly why: string | undefined
  readonly width: number
  readonly inFlight: number
  /** Times in a row that it limited us. */
  readonly refusals: number
  /** Waits for a place. First come, first served. Rejects with the signal's reason. */
  enter(signal: AbortSignal): Promise<Place>
}

export interface Place extends Disposable {
  /** The provider limits us until then. */
  limited(until: number, why: string): void
  answered(): void
}

export interface GateDeps {
  world: World
  name: string
  parallelMax: number
  /** As it was when the daemon ended. */
  before: UpstreamRow | undefined
  onChanged(row: UpstreamRow): void
  onPaused(pause: { until: number; why: string }): void
  onResumed(): void
}

export interface OpenGate extends UpstreamGate, Disposable {}

export function createUpstreamGate({ world, name, parallelMax, before, ...hooks }: GateDeps): OpenGate {
  const { clock } = world
  let width = Math.min(parallelMax, before?.width ?? parallelMax)
  let refusals = before?.refusals ?? 0
  let pausedUntil = before?.pausedUntil ?? undefined
  let why = before?.why ?? undefined
  let inFlight = 0
  /** Rises with each narrowing: a place taken before it says nothing about the width since. */
  let era = 0
  let answersInARow = 0
  const waiting: (() => void)[] = []
  let timer: Disposable | undefined
  if (pausedUntil !== undefined) wakeAt(pausedUntil)

  function wakeAt(moment: number): void {
    timer?.[Symbol.dispose]()
    timer = clock.after(Math.max(0, moment - clock.now()), resume)
  }

  function resume(): void {
    if (pausedUntil === undefined) return
    // A clock that was set back, or a wait longer than a timer can be.
    if (pausedUntil > clock.now()) {
      wakeAt(pausedUntil)
      return
    }
    pausedUntil = undefined
    why = undefined
    changed()
    hooks.onResumed()
    letIn()
  }

  function changed(): void {
    hooks.onChanged({ name, pausedUntil: pausedUntil ?? null, why: why ?? null, refusals, width })
  }

  function letIn(): void {
    while (inFlight < width && waiting.length > 0) {
      inFlight++
      waiting.shift()!()
    }
  }

  function placeOf(born: number): Place {
    let isHeld = true
    return {
      limited(until, words) {
        if (born === era) {
          era++
          refusals++
          answersInARow = 0
          width = Math.max(1, Math.floor(Math.min(width, inFlight) / 2))
        }
        const isLater = pausedUntil === undefined || until > pausedUntil
        if (isLater) {
          pausedUntil = until
          why = words
          wakeAt(until)
          hooks.onPaused({ until, why: words })
        }
        changed()
      },
      answered() {
        if (born !== era) return
        const wasRefused = refusals > 0
        refusals = 0
        if (width < parallelMax && ++answersInARow >= width) {
          answersInARow = 0
          width++
          changed()
          letIn()
        } else if (wasRefused) changed()
      },
      [Symbol.dispose]() {
        if (!isHeld) return
        isHeld = false
        inFlight--
        letIn()
      },
    }
  }

  return {
    name,
    pausedUntil: () => (pausedUntil !== undefined && pausedUntil > clock.now() ? pausedUntil : undefined),
    get why() {
      return why
    },
    get width() {
      return width
    },
    get inFlight() {
      return inFlight
    },
    get refusals() {
      return refusals
    },
    enter(signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const onAbort = () => {
          const at = waiting.indexOf(enter)
          if (at >= 0) waiting.splice(at, 1)
          reject(signal.reason)
        }
        const enter = () => {
          signal.removeEventListener('abort', onAbort)
          resolve(placeOf(era))
        }
        signal.addEventListener('abort', onAbort, { once: true })
        waiting.push(enter)
        letIn()
      })
    },
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]()
    },
  }
}
