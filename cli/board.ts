/**
 * A goal as lines for a terminal. Pure: the same view, moment and width always give the same lines, and
 * no line is wider than the terminal or holds an escape sequence that is not ours.
 */
import { countOf } from '../core/count.ts'
import type { TaskState } from '../core/task.ts'
import type { GoalView, TaskView } from '../daemon/goals/views.ts'
import { clip, columns, oneLine, type Paint, pad, span } from './text.ts'

export interface BoardOptions {
  width: number
  /** Lines at most; tasks that have ended give way first. */
  height: number
  now: number
  /** Turns the spinner; any rising number. */
  frame: number
  paint: Paint
}

type Style = Parameters<Paint>[0]

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

const GLYPHS: Record<TaskState, [glyph: string, style: Style]> = {
  ready: ['○', 'cyan'],
  running: ['⠿', 'cyan'],
  proving: ['⚖', 'magenta'],
  landing: ['⇣', 'magenta'],
  blocked: ['·', 'gray'],
  done: ['✓', 'green'],
  failed: ['✗', 'red'],
  cancelled: ['–', 'gray'],
}

const TITLE_MIN = 16

export function board(view: GoalView, options: BoardOptions): string[] {
  const head = [headLine(view, options)]
  const tail = [...askLines(view, options), footLine(view, options)]
  const room = Math.max(1, options.height - head.length - tail.length)
  const shown = choose(view.taskViews, room)
  const hidden = view.taskViews.length - shown.length
  const columnsOf = measure(shown, options)
  const lines = shown.map((task) => taskLine(task, columnsOf, options))
  const more = hidden > 0 ? [options.paint('gray', clip(`  … and ${countOf(hidden, 'task')} more`, options.width))] : []
  return [...head, ...lines, ...more, ...tail]
}

/** What is going on stays in sight; what has ended is left out first, then what has not begun. */
function choose(tasks: readonly TaskView[], room: number): TaskView[] {
  if (tasks.length <= room) return [...tasks]
  const keep = Math.max(0, room - 1)
  const urgency = ({ task }: TaskView) => {
    if (task.state === 'running' || task.state === 'proving' || task.state === 'landing') return 0
    if (task.state === 'failed') return 1
    return task.state === 'done' || task.state === 'cancelled' ? 3 : 2
  }
  const kept = new Set([...tasks].sort((a, b) => urgency(a) - urgency(b)).slice(0, keep))
  return tasks.filter((task) => kept.has(task))
}

function headLine(view: GoalView, { width, now, paint }: BoardOptions): string {
  const { goal } = view
  const time = span((goal.endedAt ?? now) - goal.createdAt)
  const right = ` ${view.status} · ${time}`
  const left = clip(`#${goal.number} ${oneLine(goal.text)}`, Math.max(8, width - columns(right)))
  const gap = ' '.repeat(Math.max(0, width - columns(left) - columns(right)))
  return clipPainted([paint('bold', left), gap, paint(statusStyle(view.status), right)], [left, gap, right], width)
}

export function statusStyle(status: GoalView['status']): Style {
  if (status === 'met') return 'green'
  if (status === 'waiting on you') return 'yellow'
  if (status === 'stuck' || status === 'dropped') return 'red'
  return status === 'paused' || status === 'waiting' ? 'gray' : 'cyan'
}

interface Columns {
  label: number
  title: number
  agent: number
}

/** As wide as the longest needs, but titles leave a third of the line to the facts where there are some. */
function measure(tasks: readonly TaskView[], options: BoardOptions): Columns {
  const longest = (words: string[], max: number) => Math.min(max, Math.max(0, ...words.map(columns)))
  const label = longest(
    tasks.map((task) => task.label),
    12,
  )
  const agent = longest(tasks.map(agentOf), 12)
  const facts = longest(
    tasks.map((task) => factsOf(task, options)),
    Math.floor(options.width / 3),
  )
  const room = options.width - 2 - label - 1 - (agent > 0 ? agent + 2 : 0) - (facts > 0 ? facts + 2 : 0)
  const title = longest(
    tasks.map((task) => oneLine(task.task.spec.title)),
    Math.max(TITLE_MIN, room),
  )
  return { label, title, agent }
}

function taskLine(task: TaskView, wide: Columns, options: BoardOptions): string {
  const { width, frame, paint } = options
  const [still, style] = GLYPHS[task.task.state]
  const glyph = task.task.state === 'running' ? SPINNER[frame % SPINNER.length]! : still
  const title = pad(oneLine(task.task.spec.title), wide.title)
  const agent = wide.agent > 0 ? `  ${pad(agentOf(task), wide.agent)}` : ''
  const parts = [`${glyph} `, pad(task.label, wide.label), ' ', title, agent, `  ${factsOf(task, options)}`]
  const isQuiet = task.task.state === 'done' || task.task.state === 'cancelled' || task.task.state === 'blocked'
  const painted = [
    paint(style, parts[0]!),
    paint('gray', parts[1]!),
    ' ',
    isQuiet ? paint('gray', title) : title,
    paint('gray', parts[4]!),
    paint(task.task.state === 'failed' ? 'red' : 'gray', parts[5]!),
  ]
  return clipPainted(painted, parts, width)
}

function agentOf({ runs }: TaskView): string {
  return oneLine(runs.at(-1)?.agent ?? '')
}

/** `attempt 2 · 34s · tests failed`, or what it waits for. */
function factsOf(task: TaskView, { now }: BoardOptions): string {
  const { state, reason } = task.task
  const run = task.runs.at(-1)
  const facts: string[] = []
  if (state === 'blocked' && task.needs.length > 0 && !run) facts.push(`after ${task.needs.join(', ')}`)
  if (task.runs.length > 1) facts.push(`attempt ${run?.attempt ?? task.runs.length}`)
  if (run) facts.push(span(worked(task, now)))
  if (state === 'proving') facts.push('checking')
  if (state === 'landing') facts.push('landing')
  if (run?.state === 'waiting' && state === 'running') facts.push('waits for an answer')
  if (reason && state !== 'done') facts.push(oneLine(reason))
  return facts.join(' · ')
}

/** All its runs together; the one under way counts to now. */
function worked({ runs }: TaskView, now: number): number {
  return runs.reduce((sum, run) => sum + Math.max(0, (run.endedAt ?? now) - run.startedAt), 0)
}

function askLines(view: GoalView, { width, paint }: BoardOptions): string[] {
  const open = view.asks.filter((ask) => ask.state === 'open')
  const lines = open.slice(0, 3).flatMap((ask) => {
    const how = `  claw answer ${ask.number} ${ask.choices.map(({ id }) => oneLine(id)).join(' | ') || '--text "…"'}`
    return [paint('yellow', clip(`? ${oneLine(ask.question)}`, width)), paint('gray', clip(how, width))]
  })
  return open.length > 3 ? [...lines, paint('yellow', clip(`? and ${open.length - 3} more: claw inbox`, width))] : lines
}

function footLine(view: GoalView, { width, paint }: BoardOptions): string {
  const { total, done, failed } = view.tasks
  const words = [total === 0 ? oneLine(view.words) : `${done} of ${countOf(total, 'task')} done`]
  if (failed > 0) words.push(`${failed} failed`)
  const { inputTokens, outputTokens } = view.usage
  if (inputTokens + outputTokens > 0) words.push(`${thousands(inputTokens + outputTokens)} tokens`)
  if (view.goal.outcome) words.push(oneLine(view.goal.outcome))
  return paint('gray', clip(words.join(' · '), width))
}

function thousands(number: number): string {
  if (number < 1000) return String(number)
  return number < 1_000_000 ? `${Math.round(number / 1000)}k` : `${(number / 1_000_000).toFixed(1)}M`
}

/** Joins painted parts as long as their bare text fits; what does not fit is cut and stays unpainted. */
function clipPainted(painted: string[], bare: string[], width: number): string {
  let line = ''
  let used = 0
  for (const [index, text] of bare.entries()) {
    const room = width - used
    if (columns(text) > room) return line + clip(text, room)
    line += painted[index]
    used += columns(text)
  }
  return line.trimEnd()
}
