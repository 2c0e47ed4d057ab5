/** A goal in one message that is edited as it goes on, and what is said when it has ended. Pure. */
import { oneLine } from '../../core/plain-text.ts'
import type { TaskState } from '../../core/task.ts'
import type { GoalView } from '../goals/views.ts'

const MARKS = {
  ready: '·',
  running: '▶',
  proving: '⏳',
  landing: '⏳',
  blocked: '·',
  done: '✔',
  failed: '✘',
  cancelled: '–',
} as const satisfies Record<TaskState, string>

const TASKS_MAX = 15
const TITLE_MAX = 80

export function progressText({ goal, status, words, tasks, taskViews }: GoalView): string {
  const count = tasks.total > 0 ? ` · ${tasks.done}/${tasks.total}` : ''
  const lines = [
    `**#${goal.number}** ${clip(oneLine(goal.text), 120)}`,
    `${status}${count}${words && words !== status ? `: ${clip(oneLine(words), 160)}` : ''}`,
  ]
  const shown = taskViews.slice(0, TASKS_MAX)
  if (shown.length > 0) lines.push('')
  for (const { task, label } of shown)
    lines.push(`${MARKS[task.state]} ${label} ${clip(oneLine(task.spec.title), TITLE_MAX)}`)
  if (taskViews.length > shown.length) lines.push(`… and ${taskViews.length - shown.length} more`)
  return lines.join('\n')
}

/** Three lines above the whole report, which goes along as a file. */
export function reportText({ goal, tasks, landings }: GoalView): string {
  const isMet = goal.state === 'met'
  const landed = landings.findLast((landing) => landing.taskId === null && landing.state === 'landed')
  const lines = [
    `${isMet ? '✔' : '✘'} **#${goal.number} ${isMet ? 'is met' : 'was given up'}**: ${clip(oneLine(goal.text), 120)}`,
    ...(goal.outcome ? [clip(oneLine(goal.outcome), 300)] : []),
    `${tasks.done} of ${tasks.total} tasks done${landed ? `, on ${landed.branch} at ${(landed.merged ?? landed.commit).slice(0, 10)}` : ''}.`,
    `The report is attached.${landed && goal.land === 'merge' ? ` To undo: /undo ${goal.number}` : ''}`,
  ]
  return lines.join('\n')
}

function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`
}
