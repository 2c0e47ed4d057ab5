import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { Fault, isFault, nearest } from '../../core/fault.ts'
import { isGoalEnded } from '../../core/goal.ts'
import { isId, newId } from '../../core/id.ts'
import type { Firing, Schedule, When } from '../../core/schedule.ts'
import type { World } from '../../core/world.ts'
import { goalNamed } from '../goals/names.ts'
import { send } from '../orchestrator/jobs.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, getGoal } from '../store/rows.ts'
import {
  addSchedule,
  countOpenFirings,
  findSchedule,
  getSchedule,
  listFirings,
  listSchedules,
  moveSchedule,
  nextScheduleNumber,
  writeSeen,
} from '../store/schedule-rows.ts'
import type { Store } from '../store/store.ts'
import type { Db } from '../store/tables.ts'
import { findNext, findUpcoming } from './due.ts'
import { writeFiring } from './fire.ts'
import { assertTimed, isTimed, nextMoments } from './moments.ts'
import type { ReadTime } from './read-time.ts'
import {
  type Delivered,
  type Delivery,
  type FiringView,
  NewSchedule,
  type NewScheduleInput,
  type Schedules,
  type ScheduleView,
} from './schedules.ts'
import { assertTemplate } from './template.ts'
import { fireJob, type Ticker } from './ticker.ts'
import { parseWhen } from './when-words.ts'

export interface StoreSchedulesDeps {
  store: Store
  queue: Queue
  world: World
  ticker: Pick<Ticker, 'wake'>
  /** What watched paths look like, and that they changed. */
  watcher: {
    look(when: Extract<When, { kind: 'path' }>): Promise<string>
    refresh(): void
  }
  deliver(name: string, delivery: Delivery): Promise<Delivered>
  /** Words for a time that the grammar does not know. */
  readTime: ReadTime
  /** Every agent there is a profile for, installed or not. */
  knownAgents(): readonly string[]
  /** The daemon's own zone. */
  timezone: string
}

/** Moments that are shown before a schedule is saved. */
const UPCOMING = 5
const HISTORY_MAX = 1_000
/** Moments among which the shortest distance is looked for. */
const DISTANCES = 20

export function createStoreSchedules(deps: StoreSchedulesDeps): Schedules {
  const { store, queue, world, ticker, watcher } = deps
  const now = () => world.clock.now()

  /** Everything that can be known to be wrong is said here, before anything is kept. */
  async function draft(input: NewScheduleInput): Promise<Schedule> {
    const wanted = NewSchedule.parse(input)
    const { when, words } = await readWhen(wanted.when)
    const { goal: template } = wanted
    assertTemplate(template.text, when.kind)
    await assertGoal(template)
    if (wanted.endAt !== null && wanted.endAt <= now()) throw new Fault('input_invalid', 'The end date is over')
    if (when.kind === 'hook' && wanted.name === null) {
      throw new Fault('input_invalid', 'A hook needs a name: it is the end of its address')
    }
    const jitterMs = wanted.jitterSeconds * 1_000
    assertJitter(when, jitterMs)
    const at = now()
    const schedule: Schedule = {
      id: newId('schedule', at),
      number: 0,
      name: wanted.name,
      when,
      words,
      template,
      condition: wanted.condition,
      misfire: wanted.misfire,
      overlap: wanted.overlap ?? (wanted.misfire === 'all' || !isTimed(when) ? 'queue' : 'skip'),
      jitterMs,
      endAt: wanted.endAt,
      firingsMax: wanted.firingsMax,
      state: 'active',
      reason: null,
      cursorAt: at,
      nextAt: null,
      fired: 0,
      createdAt: at,
      endedAt: null,
    }
    schedule.nextAt = isTimed(when) ? findNext(schedule, when, at) : null
    if (isTimed(when) && schedule.nextAt === null) {
      throw new Fault('input_invalid', `"${words}" never comes${wanted.endAt === null ? '' : ' before the end date'}`)
    }
    return schedule
  }

  async function readWhen(input: NewSchedule['when']): Promise<{ when: When; words: string }> {
    if ('text' in input) {
      if (input.readAs) assertTimed(input.readAs)
      const when = input.readAs ?? parseWhen(input.text, now(), input.timezone ?? deps.timezone)
      return { when, words: input.text }
    }
    if ('after' in input) {
      const { kind, name } = input.after
      if (kind === 'schedule') {
        const { id, number } = await scheduleNamed(store.db, name)
        return {
          when: { kind: 'goal', of: id, on: input.on },
          words: `when a goal of schedule ${number} is ${input.on}`,
        }
      }
      const goal = await goalNamed(store.db, name)
      if (isGoalEnded(goal.state)) {
        throw new Fault('input_invalid', `Goal #${goal.number} is ${goal.state} already; nothing would ever fire`)
      }
      return { when: { kind: 'goal', of: goal.id, on: input.on }, words: `when goal #${goal.number} is ${input.on}` }
    }
    if (isTimed(input)) assertTimed(input)
    return { when: input, words: wordsOf(input) }
  }

  /** Words that the grammar gives up on are read by the brain, where it can; else the grammar's own complaint stands. */
  async function understood(wanted: NewSchedule): Promise<{ wanted: NewSchedule; readBy: 'grammar' | 'model' }> {
    const { when } = wanted
    if (!('text' in when) || when.readAs) return { wanted, readBy: 'grammar' }
    const timezone = when.timezone ?? deps.timezone
    try {
      parseWhen(when.text, now(), timezone)
      return { wanted, readBy: 'grammar' }
    } catch (error) {
      const readAs = isFault(error, 'input_invalid') ? await deps.readTime(when.text, timezone) : undefined
      if (!readAs) throw error
      return { wanted: { ...wanted, when: { ...when, readAs } }, readBy: 'model' }
    }
  }

  async function assertGoal({ repo, agent }: Schedule['template']): Promise<void> {
    const isUrl = repo !== null && (/^[a-z][a-z0-9+.-]*:\/\//i.test(repo) || /^[^/\s]+@[^/\s]+:/.test(repo))
    if (repo !== null && !isUrl) {
      if (!repo.startsWith('/'))
        throw new Fault('input_invalid', `The repository ${repo} must be an absolute path or a URL`)
      const found = await stat(repo).catch(() => undefined)
      if (!found?.isDirectory()) throw new Fault('repository_not_found', `there is no folder ${repo}`)
    }
    const known = deps.knownAgents()
    if (agent !== null && !known.includes(agent)) {
      const near = nearest(agent, known)
      throw new Fault('agent_not_found', `there is no agent ${agent}; known: ${known.join(', ')}`, {
        ...(near ? { hint: `Did you mean ${near}?` } : {}),
      })
    }
  }

  /** A jitter as long as the way to the next moment would mix their order up. */
  function assertJitter(when: When, jitterMs: number): void {
    if (jitterMs === 0) return
    if (!isTimed(when)) throw new Fault('input_invalid', 'A jitter is for moments; this schedule has none')
    const moments = nextMoments(when, now(), DISTANCES)
    const shortest = Math.min(...moments.slice(1).map((moment, index) => moment - moments[index]!))
    if (jitterMs >= shortest) {
      throw new Fault(
        'input_invalid',
        `A jitter of ${jitterMs / 1_000} s is not shorter than the ${shortest / 1_000} s between two firings`,
      )
    }
  }

  async function view(schedule: Schedule): Promise<ScheduleView> {
    const [last] = await listFirings(store.db, schedule.id, 1)
    return {
      schedule,
      timezone: zoneOf(schedule),
      upcoming: schedule.state === 'active' ? findUpcoming(schedule, now(), UPCOMING) : [],
      last: last ? await viewFiring(last) : null,
      open: await countOpenFirings(store.db, schedule.id),
      hook: schedule.when.kind === 'hook' ? `/hooks/${schedule.name}` : null,
    }
  }

  async function viewFiring(firing: Firing): Promise<FiringView> {
    const { payload: _, ...rest } = firing
    const goal = firing.goalId === null ? null : await getGoal(store.db, firing.goalId)
    return { firing: rest, goal: goal && { number: goal.number, state: goal.state } }
  }

  const zoneOf = ({ when }: Schedule) => (when.kind === 'cron' ? when.timezone : deps.timezone)

  /** Moves a schedule in one transaction with its event; what is asked for twice is done once. */
  async function move(name: string, by: string, to: 'paused' | 'active' | 'removed'): Promise<void> {
    const { id, when: before } = await scheduleNamed(store.db, name)
    const seen = to === 'active' && before.kind === 'path' ? await watcher.look(before) : null
    await store.transaction(async (tx) => {
      const schedule = await getSchedule(tx, id)
      if (schedule.state === to) return
      if (seen !== null) await writeSeen(tx, id, seen)
      const at = now()
      const { when } = schedule
      if (to === 'active') {
        // What was due while it was paused does not count.
        const nextAt = isTimed(when) ? findNext(schedule, when, at) : null
        await moveSchedule(tx, schedule, to, { reason: null, cursorAt: at, nextAt })
      } else {
        await moveSchedule(tx, schedule, to, {
          reason: `${to} by ${by}`,
          nextAt: null,
          ...(to === 'removed' ? { endedAt: schedule.endedAt ?? at } : {}),
        })
      }
      const type = ({ active: 'schedule.resumed', paused: 'schedule.paused', removed: 'schedule.removed' } as const)[to]
      await addEvent(tx, at, { type, data: { number: schedule.number, name: schedule.name, by } })
      // Firings that wait go on, or are skipped.
      await send(queue, tx, fireJob(schedule), id)
    })
    ticker.wake()
    watcher.refresh()
  }

  return {
    async preview(input) {
      const { wanted, readBy } = await understood(NewSchedule.parse(input))
      const schedule = await draft(wanted)
      await assertNameFree(store.db, schedule.name)
      return { schedule, timezone: zoneOf(schedule), upcoming: findUpcoming(schedule, now(), UPCOMING), readBy }
    },

    async add(input) {
      const { idempotencyKey } = NewSchedule.parse(input)
      if (idempotencyKey !== null) {
        const before = await findSchedule(store.db, { idempotencyKey })
        if (before) return view(before)
      }
      const schedule = await draft(input)
      const seen = schedule.when.kind === 'path' ? await watcher.look(schedule.when) : null
      const added = await store.transaction(async (tx) => {
        await assertNameFree(tx, schedule.name)
        const numbered = { ...schedule, number: await nextScheduleNumber(tx) }
        await addSchedule(tx, numbered, { idempotencyKey, seen })
        const { number, name, words } = numbered
        await addEvent(tx, now(), { type: 'schedule.added', data: { number, name, words } })
        return numbered
      })
      ticker.wake()
      watcher.refresh()
      return view(added)
    },

    async list({ state = 'open' } = {}) {
      const states =
        state === 'open' ? (['active', 'paused'] as const) : (['active', 'paused', 'ended', 'removed'] as const)
      return Promise.all((await listSchedules(store.db, states)).map(view))
    },

    async show(name) {
      return view(await scheduleNamed(store.db, name))
    },

    pause: (name, by) => move(name, by, 'paused'),
    resume: (name, by) => move(name, by, 'active'),
    remove: (name, by) => move(name, by, 'removed'),

    async run(name, by) {
      const { id } = await scheduleNamed(store.db, name)
      const firing = await store.transaction(async (tx) => {
        const schedule = await getSchedule(tx, id)
        if (schedule.state === 'removed') {
          throw new Fault('move_refused', `Schedule ${schedule.number} is removed and cannot be run`)
        }
        if (schedule.when.kind === 'hook' || schedule.when.kind === 'goal') {
          throw new Fault('move_refused', `Schedule ${schedule.number} needs something to happen: ${schedule.words}`)
        }
        const key = `owner:${by}:${randomUUID()}`
        return (await writeFiring(tx, queue, now(), schedule, { key, cause: 'owner', payload: null }))!
      })
      return viewFiring(firing)
    },

    async history(name, { limit = 50 } = {}) {
      const schedule = await scheduleNamed(store.db, name)
      const firings = await listFirings(store.db, schedule.id, Math.min(limit, HISTORY_MAX))
      return Promise.all(firings.map(viewFiring))
    },

    deliver: deps.deliver,
  }
}

/** A schedule by `3`, its name or its id; a removed one by number and id only. Throws schedule_not_found. */
export async function scheduleNamed(db: Db, name: string): Promise<Schedule> {
  const said = name.trim()
  const by = isId('schedule', said)
    ? { id: said }
    : /^#?\d{1,9}$/.test(said)
      ? { number: Number(said.replace('#', '')) }
      : { name: said }
  const found = await findSchedule(db, by)
  if (found) return found
  const names = (await listSchedules(db, ['active', 'paused', 'ended'])).flatMap((one) => one.name ?? [])
  const near = nearest(said, names)
  throw new Fault('schedule_not_found', `there is no schedule ${said.slice(0, 100)}`, {
    hint: near ? `Did you mean ${near}?` : '`claw schedule list --all` lists them.',
  })
}

async function assertNameFree(db: Db, name: string | null): Promise<void> {
  const other = name === null ? undefined : await findSchedule(db, { name })
  if (other) {
    throw new Fault('input_invalid', `Schedule ${other.number} is called ${name} already`, {
      hint: 'Choose another name, or remove that one first.',
    })
  }
}

function wordsOf(when: When): string {
  switch (when.kind) {
    case 'cron':
      return when.pattern
    case 'every':
      return `every ${when.everyMs / 1_000} s`
    case 'at':
      return `at ${new Date(when.at).toISOString()}`
    case 'hook':
      return `on a signed call (${when.scheme})${when.events === null ? '' : `: ${when.events.join(', ')}`}`
    case 'path':
      return `when ${when.path}${when.glob === null ? '' : `, ${when.glob},`} changes`
    case 'goal':
      return `when ${when.of} is ${when.on}`
  }
}
