/**
 * What each role may do. Pure; asked by commands, by buttons and by every tool that a brain calls, so that nobody's
 * words reach further than they themselves do.
 */
import type { Ask, AskKind } from '../../core/ask.ts'
import type { Goal } from '../../core/goal.ts'
import type { Person } from '../../core/person.ts'

export type Action =
  | 'see' // how goals stand
  | 'look' // into plans, diffs, proofs, reports
  | 'add' // a goal
  | 'steer' // tell, pause, resume, cancel a goal
  | 'judge' // accept, reject, undo, take over
  | 'remember' // memory, both ways
  | 'schedule'
  | 'answer'

/** Questions about the work itself; everything else is a decision on behalf of the owner. */
const QUESTIONS: readonly AskKind[] = ['question', 'plan-question']

/** Whose goal it is: the person it was taken from, where that was one. */
export function ownerOfGoal(goal: Pick<Goal, 'source'>): string | null {
  return goal.source.surface === 'chat' ? (goal.source.from?.split(' ')[0] ?? null) : null
}

/** The chat in which a goal was given. */
export function chatOfGoal(goal: Pick<Goal, 'source'>): string | null {
  return goal.source.surface === 'chat' ? (goal.source.from?.split(' ')[1] ?? null) : null
}

export function sourceOf(person: Person, chatId: string): Goal['source'] {
  return { surface: 'chat', from: `${person.id} ${chatId}` }
}

/** Why not, or undefined. `goal` is what it is about, where it is about one. */
export function whyNot(person: Person, action: Action, goal?: Pick<Goal, 'source' | 'number'>): string | undefined {
  if (person.role === 'owner') return undefined
  if (action === 'see') return undefined
  if (person.role === 'guest') return 'a guest may only ask how things stand'
  const isOwn = goal !== undefined && ownerOfGoal(goal) === person.id
  switch (action) {
    case 'add':
      return undefined
    case 'look':
    case 'steer':
    case 'answer':
      if (goal === undefined) return undefined
      return isOwn ? undefined : `goal #${goal.number} is not yours`
    case 'judge':
    case 'remember':
    case 'schedule':
      return 'only an owner may do this'
  }
}

/** Approvals are the owner's; a member answers questions about goals of their own. */
export function whyNotAnswer(
  person: Person,
  ask: Pick<Ask, 'kind' | 'number'>,
  goal: Pick<Goal, 'source' | 'number'>,
): string | undefined {
  const why = whyNot(person, 'answer', goal)
  if (why !== undefined || person.role === 'owner') return why
  return QUESTIONS.includes(ask.kind) ? undefined : `ask ${ask.number} is a decision that only an owner may take`
}

export interface MemberLimits {
  goalsPerDay: number
  usdMax: number | null
  tokensMax: number | null
  minutesMax: number | null
}

/** The lower of what was asked for and what is allowed. */
export function withinLimit(wanted: number | null | undefined, max: number | null): number | null {
  if (max === null) return wanted ?? null
  return wanted == null ? max : Math.min(wanted, max)
}
