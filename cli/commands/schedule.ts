import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { countOf } from '../../core/count.ts'
import { Fault } from '../../core/fault.ts'
import type { Schedule } from '../../core/schedule.ts'
import type { FiringView, NewScheduleInput, SchedulePreview, ScheduleView } from '../../daemon/schedules/schedules.ts'
import { connect } from '../daemon.ts'
import { usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { clip, manyLines, oneLine, pad, span } from '../text.ts'
import { resolveRepo } from './add.ts'
import { prompt, readAll } from './stdin.ts'

export interface ScheduleOptions {
  name?: string
  timezone?: string
  repo?: string
  branch?: string
  land?: string
  autonomy?: string
  maxMinutes?: number
  maxAttempts?: number
  maxUsd?: number
  agent?: string
  if?: string
  misfire?: string
  overlap?: string
  jitter?: number
  until?: string
  times?: number
  hook?: string
  secret?: string
  events?: string
  path?: string
  glob?: string
  afterGoal?: string
  afterSchedule?: string
  on?: string
  yes?: boolean
}

/**
 * Adds a schedule; what its words were taken for is shown as the next moments first. `first` is when it fires and
 * `second` what for; with something else than the clock (--hook, --path, --after-…) there is only the goal.
 */
export async function add(
  surface: Surface,
  first: string,
  second: string | undefined,
  options: ScheduleOptions,
): Promise<void> {
  const isTimed = !options.hook && !options.path && !options.afterGoal && !options.afterSchedule
  if (isTimed && second === undefined) {
    throw usage('When and what are needed: claw schedule add "every weekday at 9" "Look through the new issues"')
  }
  if (!isTimed && second !== undefined) throw usage('Something else than the clock sets it off: leave the time out')
  const words = isTimed ? second! : first
  const text = (words === '-' ? await readAll(surface) : words).trim()
  if (text === '') throw usage('The goal is empty')
  const json: NewScheduleInput = {
    name: options.hook ?? options.name ?? null,
    when: readWhen(surface, first, options),
    goal: {
      text,
      repo: options.repo === undefined ? null : resolveRepo(options.repo, surface.cwd),
      branch: options.branch ?? null,
      land: (options.land as 'branch' | undefined) ?? null,
      autonomy: (options.autonomy as 'auto' | undefined) ?? null,
      minutesMax: options.maxMinutes ?? null,
      attemptsMax: options.maxAttempts ?? null,
      usdMax: options.maxUsd ?? null,
      agent: options.agent ?? null,
    },
    condition: options.if === undefined ? null : { command: options.if },
    misfire: (options.misfire as 'once' | undefined) ?? 'once',
    overlap: (options.overlap as 'skip' | undefined) ?? null,
    jitterSeconds: options.jitter ?? 0,
    endAt: options.until === undefined ? null : readDate(options.until),
    firingsMax: options.times ?? null,
    idempotencyKey: randomUUID(),
  }
  const client = await connect(surface, { start: true })
  const isAsked = isTimed && surface.canAsk && !options.yes
  if (isTimed) {
    const preview = (await (await client.v1.schedules.preview.$post({ json })).json()) as SchedulePreview
    const { when } = preview.schedule
    if (preview.readBy === 'model' && 'text' in json.when && isByClock(when)) {
      // What a model made of the words is kept only when somebody has looked at it.
      if (!isAsked) throw notLookedAt(first, when)
      surface.say(surface.paintErr('gray', `a model read it as ${inForm(when)}`))
      json.when = { ...json.when, readAs: when }
    }
    if (isAsked) for (const line of upcomingLines(surface, preview)) surface.print(line)
  }
  if (isAsked) {
    const answer = (await prompt(surface, 'Add it? [Y/n] ')).toLowerCase()
    if (answer !== '' && !'yes'.startsWith(answer)) return surface.say('Nothing was added.')
  }
  const view = (await (await client.v1.schedules.$post({ json })).json()) as ScheduleView
  if (surface.isJson) return surface.printJson(view)
  surface.print(`schedule ${title(view)} added: ${oneLine(view.schedule.words)}`)
  if (isTimed && (!surface.canAsk || options.yes)) for (const line of upcomingLines(surface, view)) surface.print(line)
  if (view.hook) surface.print(`deliveries go to ${view.hook} of the daemon's address (claw daemon status)`)
}

function isByClock(when: Schedule['when']): when is Extract<Schedule['when'], { kind: 'cron' | 'every' | 'at' }> {
  return when.kind === 'cron' || when.kind === 'every' || when.kind === 'at'
}

/** So that `schedule add` understands it by itself. */
function inForm(when: Extract<Schedule['when'], { kind: 'cron' | 'every' | 'at' }>): string {
  if (when.kind === 'cron') return when.pattern
  return when.kind === 'at' ? new Date(when.at).toISOString() : `every ${Math.round(when.everyMs / 1_000)} seconds`
}

function notLookedAt(words: string, when: Parameters<typeof inForm>[0]): Fault {
  return new Fault(
    'input_invalid',
    `A model takes "${oneLine(words)}" for "${inForm(when)}", and nobody can look at it`,
    {
      hint: 'Add it on a terminal, or give that instead of the words.',
    },
  )
}

function readWhen(surface: Surface, first: string, options: ScheduleOptions): NewScheduleInput['when'] {
  const on = (options.on as 'ended' | undefined) ?? 'ended'
  if (options.hook) {
    if (!options.secret) throw usage('A hook needs --secret env:NAME or file:/path; the daemon reads it there')
    const [scheme, secret] = options.secret.startsWith('standard:')
      ? (['standard', options.secret.slice(9)] as const)
      : (['github', options.secret.replace(/^github:/, '')] as const)
    return { kind: 'hook', scheme, secret, events: options.events?.split(',').map((event) => event.trim()) ?? null }
  }
  if (options.path) {
    return { kind: 'path', path: resolve(surface.cwd, options.path), glob: options.glob ?? null, quietMs: 2_000 }
  }
  if (options.afterGoal) return { after: { kind: 'goal', name: options.afterGoal }, on }
  if (options.afterSchedule) return { after: { kind: 'schedule', name: options.afterSchedule }, on }
  // The owner means the clock on this wall, wherever the daemon thinks it is.
  return { text: first, timezone: options.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone }
}

function readDate(text: string): number {
  const at = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text)
  if (Number.isNaN(at)) throw usage(`"${oneLine(text)}" is no date; use one such as 2027-01-31 or 2027-01-31T18:00`)
  return at
}

export async function list(surface: Surface, options: { all?: boolean }): Promise<void> {
  const client = await connect(surface, { start: true })
  const query = { state: options.all ? ('all' as const) : ('open' as const) }
  const { schedules } = (await (await client.v1.schedules.$get({ query })).json()) as { schedules: ScheduleView[] }
  if (surface.isJson) return surface.printJson(schedules)
  if (schedules.length === 0) return surface.say('No schedules. Add one: claw schedule add "every weekday at 9" "…"')
  for (const view of schedules) surface.print(listLine(surface, view))
}

function listLine({ paint, width, now }: Surface, view: ScheduleView): string {
  const { schedule, upcoming } = view
  const next = upcoming[0] === undefined ? schedule.state : `in ${span(upcoming[0] - now())}`
  const start = `${pad(title(view), 20)} ${pad(oneLine(schedule.words), 30)} ${pad(next, 12)}`
  const color = schedule.state === 'active' ? 'cyan' : 'gray'
  return `${paint(color, start)} ${clip(oneLine(schedule.template.text), Math.max(10, width() - 66))}`
}

export async function show(surface: Surface, name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const response = await client.v1.schedules[':schedule'].$get({ param: { schedule: name } })
  const view = (await response.json()) as ScheduleView
  if (surface.isJson) return surface.printJson(view)
  const { schedule } = view
  const fact = (what: string, words: string) =>
    surface.print(`${surface.paint('gray', pad(what, 11))}${oneLine(words)}`)
  surface.print(`schedule ${title(view)}`)
  surface.print(manyLines(schedule.template.text))
  fact(
    'when',
    `${schedule.words}${schedule.when.kind === 'cron' ? ` (${schedule.when.pattern}, ${view.timezone})` : ''}`,
  )
  fact('state', `${schedule.state}${schedule.reason ? `, ${schedule.reason}` : ''}`)
  fact('policy', `misfire ${schedule.misfire}, overlap ${schedule.overlap}`)
  fact('repository', schedule.template.repo ?? 'a workspace of its own')
  if (schedule.condition) fact('if', schedule.condition.command)
  if (schedule.jitterMs > 0) fact('jitter', span(schedule.jitterMs))
  if (schedule.endAt !== null) fact('until', moment(schedule.endAt, view.timezone))
  fact('fired', `${countOf(schedule.fired, 'time')}${schedule.firingsMax === null ? '' : ` of ${schedule.firingsMax}`}`)
  if (view.open > 0) fact('waiting', countOf(view.open, 'firing'))
  if (view.hook) fact('hook', `${view.hook}, the secret is in ${(schedule.when as { secret?: string }).secret ?? ''}`)
  for (const line of upcomingLines(surface, view)) surface.print(line)
}

export async function move(surface: Surface, verb: 'pause' | 'resume' | 'rm', name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const param = { schedule: name }
  const one = client.v1.schedules[':schedule']
  const response =
    verb === 'rm'
      ? await one.$delete({ param })
      : verb === 'pause'
        ? await one.pause.$post({ param, json: {} })
        : await one.resume.$post({ param, json: {} })
  const view = (await response.json()) as ScheduleView
  if (surface.isJson) return surface.printJson(view)
  surface.print(`schedule ${title(view)} is ${view.schedule.state}`)
}

export async function run(surface: Surface, name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const response = await client.v1.schedules[':schedule'].run.$post({ param: { schedule: name }, json: {} })
  const view = (await response.json()) as FiringView
  if (surface.isJson) return surface.printJson(view)
  surface.print(`schedule ${oneLine(name)} fires; what becomes of it: claw schedule history ${oneLine(name)}`)
}

export async function history(surface: Surface, name: string, options: { limit: number }): Promise<void> {
  const client = await connect(surface, { start: true })
  const param = { schedule: name }
  const query = { limit: String(options.limit) }
  const response = await client.v1.schedules[':schedule'].history.$get({ param, query })
  const { firings } = (await response.json()) as { firings: FiringView[] }
  if (surface.isJson) return surface.printJson(firings)
  if (firings.length === 0) return surface.say('It has not fired yet.')
  const colors = {
    fired: 'green',
    due: 'cyan',
    waiting: 'cyan',
    skipped: 'gray',
    missed: 'yellow',
    failed: 'red',
  } as const
  for (const { firing, goal } of firings) {
    const at = moment(firing.dueAt, Intl.DateTimeFormat().resolvedOptions().timeZone)
    const made = goal ? `#${goal.number} ${goal.state}` : ''
    const words = [made, firing.cause === 'time' ? '' : `by ${firing.cause}`, firing.reason ?? ''].filter(Boolean)
    surface.print(`${at}  ${surface.paint(colors[firing.state], pad(firing.state, 8))} ${oneLine(words.join(', '))}`)
  }
}

/** `the next five (Europe/Berlin):` and a line each. */
function upcomingLines(
  surface: Surface,
  { timezone, upcoming }: Pick<ScheduleView, 'timezone' | 'upcoming'>,
): string[] {
  if (upcoming.length === 0) return []
  const title = upcoming.length === 1 ? 'fires once' : `the next ${upcoming.length}`
  return [
    surface.paint('gray', `${title} (${timezone}):`),
    ...upcoming.map((at) => `  ${moment(at, timezone)}  ${surface.paint('gray', `in ${span(at - surface.now())}`)}`),
  ]
}

function moment(at: number, timezone: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    weekday: 'short',
    year: 'numeric',
    month: 'short',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
  })
    .format(at)
    .replaceAll(',', '')
}

function title({ schedule }: ScheduleView): string {
  return schedule.name === null ? String(schedule.number) : `${schedule.number} ${schedule.name}`
}
