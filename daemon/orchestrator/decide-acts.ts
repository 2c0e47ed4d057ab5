/**
 * Decides what may be done outside a worktree, and what is taken back. Pure, like all of `decide`.
 *
 * An approval is for exactly what was shown: hosts, effects, credentials, probes and undo steps, by fingerprint. The
 * owner is asked once for all acts of a goal; the same act in a later plan needs no second word.
 */
import { type Act, actFingerprint, type EffectRow } from '../../core/act.ts'
import { describeAct, effectStateWords, effectWords, isOutstanding, undoStepWords } from '../../core/act-words.ts'
import type { Ask } from '../../core/ask.ts'
import type { Plan } from '../../core/plan.ts'
import { isTaskEnded, type Task, type TaskState, taskLabel } from '../../core/task.ts'
import type { Decision, NewAsk } from './decision.ts'
import type { Snapshot } from './snapshot.ts'

const APPROVES: ReadonlySet<Ask['kind']> = new Set(['act-approval', 'plan-approval'])

/** The fingerprints of all acts of a plan, as an ask that shows them keeps them; null where it has none. */
export function actsFingerprint(specs: readonly Task['spec'][]): string | null {
  const prints = specs.flatMap((spec) => (spec.act ? [printOf(spec, spec.act)] : []))
  return prints.length > 0 ? prints.join(' ') : null
}

function printOf({ credentials }: Task['spec'], act: Act): string {
  return actFingerprint({ act, credentials })
}

/** Whether the owner has agreed to what the task changes outside, or need not be asked. */
export function isActApproved(
  task: Pick<Task, 'spec'>,
  snapshot: Pick<Snapshot, 'goal' | 'asks'>,
  plan: Plan,
): boolean {
  const { act, credentials } = task.spec
  if (!act) return true
  // A brain may have read anything: what it may open with the owner's keys, the owner says, whatever the autonomy.
  const opensDoors = act.hosts.length > 0 || credentials.length > 0
  if (snapshot.goal.autonomy === 'auto' && (plan.author === 'owner' || !opensDoors)) return true
  const print = printOf(task.spec, act)
  return snapshot.asks.some(
    ({ kind, answer, fingerprint }) =>
      APPROVES.has(kind) && answer?.choice === 'yes' && fingerprint?.split(' ').includes(print),
  )
}

/** The one question about all that the goal's tasks want to change outside; undefined where none is open to ask. */
export function askForActs(tasks: readonly Task[], snapshot: Snapshot, plan: Plan): NewAsk | undefined {
  const open = tasks.filter((task) => !isTaskEnded(task.state) && !isActApproved(task, snapshot, plan))
  if (open.length === 0 || snapshot.asks.some((ask) => ask.kind === 'act-approval' && ask.state === 'open'))
    return undefined
  const { goal } = snapshot
  return {
    kind: 'act-approval',
    taskId: null,
    fingerprint: actsFingerprint(open.map((task) => task.spec)) ?? '',
    question: `Goal #${goal.number} wants to change something outside its repository (${open.map((task) => taskLabel(goal.number, task.number)).join(', ')}). Allow exactly this?`,
    detail: open
      .flatMap(({ number, spec }) =>
        spec.act ? [describeAct(`${taskLabel(goal.number, number)} ${spec.title}`, spec.act, spec.credentials)] : [],
      )
      .join('\n\n'),
    choices: [
      { id: 'yes', label: 'Allow it' },
      { id: 'no', label: 'Go on without these tasks' },
      { id: 'drop', label: 'Drop the goal' },
    ],
    freeText: true,
  }
}

/** The owner said no: the tasks that were shown end, and with them those that need them. */
export function refuseActs(ask: Ask, tasks: readonly Task[]): Decision[] {
  const shown = new Set(ask.fingerprint?.split(' '))
  const refused = tasks.filter(
    ({ spec, state }) => spec.act && !isTaskEnded(state) && shown.has(printOf(spec, spec.act)),
  )
  const reason = `refused by the owner${ask.answer?.text ? `: ${ask.answer.text}` : ''}`
  return [
    { do: 'nothing', settles: [ask.id] },
    ...refused.map(({ id }): Decision => ({ do: 'end-task', taskId: id, as: 'cancelled', reason })),
  ]
}

/** What came of a question whether to undo effects; it is asked and answered also when the goal is over. */
export function decideUndo(asks: readonly Ask[]): Decision[] {
  return asks
    .filter((ask) => ask.kind === 'undo-approval' && ask.state === 'answered' && ask.settledAt === null)
    .map((ask): Decision => ({ do: ask.answer?.choice === 'yes' ? 'undo-effects' : 'nothing', settles: [ask.id] }))
}

/** Effects that may still be there, of tasks that have ended, from the last to the first. */
export function effectsToUndo(
  effects: readonly EffectRow[],
  tasks: readonly { id: string; state: TaskState }[],
): EffectRow[] {
  const ended = new Set(tasks.filter((task) => isTaskEnded(task.state)).map((task) => task.id))
  return effects.filter((effect) => ended.has(effect.taskId) && isOutstanding(effect)).reverse()
}

/** The steps of an undo in Markdown, in the order in which they are run. */
export function describeUndo(effects: readonly EffectRow[], tasks: readonly Task[]): string {
  return effects
    .map((effect, index) => {
      const act = tasks.find((task) => task.id === effect.taskId)?.spec.act
      return `${index + 1}. ${undoStepWords(effect.spec, act)}\n   takes back ${effectWords(effect.spec)} (${effectStateWords(effect)})`
    })
    .join('\n')
}
