/**
 * What the desktop is used for: the machine stays awake while runs, checks or landings are under way, and the owner
 * is told when something waits for an answer or a goal has ended, unless a channel has told already.
 */
import { MINUTE, SECOND } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/events.ts'
import type { World } from '../../core/world.ts'
import { getGoal, latestEvent, listEvents } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Desktop } from './desktop.ts'

export interface OwnerDesktopDeps {
  store: Store
  world: World
  desktop: Desktop
  isAwakeWanted: boolean
  isNoticeWanted: boolean
  /** Whether a channel has told the owner of this already. */
  isTold(event: StoredEvent): Promise<boolean>
}

/** Jobs that are work; waiting for an answer or a moment is not. */
const WORK = ['run', 'prove', 'land', 'land-goal', 'plan', 'report'] as const
/** Many commits come together; one look does for all of them. */
const LOOK_MS = SECOND
/** Between two jobs of one goal the machine is not let go. */
const RELEASE_MS = MINUTE
const PAGE_MAX = 200
/** Of one look; what is more is in the inbox. */
const NOTICES_MAX = 3

export interface OwnerDesktop extends AsyncDisposable {
  start(): Promise<void>
}

export function createOwnerDesktop(deps: OwnerDesktopDeps): OwnerDesktop {
  const { store, world, desktop } = deps
  const log = world.log.child({ part: 'desktop' })
  let isOn = false
  let cursor = 0
  let hold: AsyncDisposable | undefined
  let idleSince: number | undefined
  let timer: Disposable | undefined
  let looking: Promise<void> = Promise.resolve()
  let watch: Disposable | undefined

  function lookSoon(ms = LOOK_MS): void {
    if (!isOn || timer) return
    timer = world.clock.after(ms, () => {
      timer = undefined
      looking = looking.then(look).catch((error) => log.warn({ err: error }, 'the desktop could not be served'))
    })
  }

  async function look(): Promise<void> {
    if (!isOn) return
    if (deps.isAwakeWanted) await holdOrRelease()
    if (deps.isNoticeWanted) await tell()
  }

  async function holdOrRelease(): Promise<void> {
    const now = world.clock.now()
    const job = await store.db
      .selectFrom('job')
      .select('id')
      .where('name', 'in', WORK)
      .where('runAt', '<=', now)
      .limit(1)
      .executeTakeFirst()
    if (job) {
      idleSince = undefined
      hold ??= desktop.stayAwake('agents are at work')
      return
    }
    if (!hold) return
    idleSince ??= world.clock.monotonic()
    if (world.clock.monotonic() - idleSince < RELEASE_MS) return lookSoon(RELEASE_MS)
    const held = hold
    hold = undefined
    await held[Symbol.asyncDispose]()
  }

  async function tell(): Promise<void> {
    let told = 0
    for (;;) {
      const page = await listEvents(store.db, { after: cursor, limit: PAGE_MAX })
      for (const event of page) {
        cursor = event.id
        const notice = await noticeOf(event)
        if (!notice || told >= NOTICES_MAX || (await deps.isTold(event))) continue
        told++
        await desktop.notify(notice)
      }
      if (page.length < PAGE_MAX) return
    }
  }

  async function noticeOf(event: StoredEvent): Promise<{ title: string; body: string } | undefined> {
    if (event.type === 'ask.opened') {
      return { title: `Claw asks (${event.data.number})`, body: event.data.question }
    }
    if ((event.type !== 'goal.met' && event.type !== 'goal.dropped') || event.goalId === null) return undefined
    const goal = await getGoal(store.db, event.goalId)
    const how = event.type === 'goal.met' ? 'is met' : 'was given up'
    return { title: `Goal #${goal.number} ${how}`, body: goal.text }
  }

  return {
    async start() {
      isOn = true
      // What happened before this start has been said, or is in the inbox.
      cursor = await latestEvent(store.db)
      watch = store.onCommit(() => lookSoon())
      lookSoon()
    },
    async [Symbol.asyncDispose]() {
      isOn = false
      watch?.[Symbol.dispose]()
      timer?.[Symbol.dispose]()
      await looking
      await hold?.[Symbol.asyncDispose]()
    },
  }
}
