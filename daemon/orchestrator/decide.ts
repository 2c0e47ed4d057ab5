/**
 * Decides what a goal needs next. Pure: the same picture always gives the same answer.
 *
 * `advance` gathers a Snapshot, asks `decide`, and carries out what comes back, again and again until
 * nothing comes back. Nothing here reads a clock, a database or a process. What takes long (planning,
 * runs, proofs, landings) is a job that ends by changing rows and asking for another `advance`.
 */
import type { AskKind } from '../../core/ask.ts'
import { decideUndo } from './decide-acts.ts'
import { decideAnswer, decideQuarantine } from './decide-answer.ts'
import { decideLimit } from './decide-limit.ts'
import { decideProposed, decideRefused, draftForSteers } from './decide-plan.ts'
import { decideWork } from './decide-work.ts'
import type { Decision } from './decision.ts'
import { activePlan, isOpen, latestPlan, nextVersion, type Snapshot } from './snapshot.ts'

/** Asks that the run which opened them settles by itself. */
const SETTLED_BY_RUN: ReadonlySet<AskKind> = new Set(['permission', 'credential', 'host', 'question'])

export function decide(snapshot: Snapshot): Decision[] {
  const { goal } = snapshot
  const undo = decideUndo(snapshot.asks)
  if (undo.length > 0) return undo
  if (goal.state !== 'open') return []
  const answered = snapshot.asks.filter(
    (ask) => ask.state === 'answered' && ask.settledAt === null && !SETTLED_BY_RUN.has(ask.kind),
  )
  if (goal.quarantine !== null) return answered.filter((ask) => ask.kind === 'quarantine').flatMap(decideQuarantine)
  for (const ask of answered) {
    const decisions = decideAnswer(ask, snapshot)
    if (decisions.length > 0) return decisions
  }
  if (snapshot.isUnconfined) return decideUnconfined(snapshot)
  const plan = latestPlan(snapshot)
  // Planning costs money too; while a plan is being worked by, its work is what is looked at.
  const overLimit = activePlan(snapshot) ? undefined : decideLimit(snapshot)
  if (overLimit) return overLimit
  if (snapshot.steers.length > 0 && plan?.state !== 'drafting') return [draftForSteers(snapshot)]
  if (!plan) return [{ do: 'draft-plan', version: nextVersion(snapshot), request: [], steers: [], instead: null }]
  switch (plan.state) {
    case 'drafting':
      // A goal is planned anew while the tasks of the plan before go on.
      return decideWork(snapshot)
    case 'refused':
      return decideRefused(plan, snapshot)
    case 'proposed':
      return decideProposed(plan, snapshot)
    default:
      return decideWork(snapshot)
  }
}

/** Nothing of a repository is run without a sandbox before the owner has said so. */
function decideUnconfined(snapshot: Snapshot): Decision[] {
  if (isOpen(snapshot, 'sandbox')) return []
  return [
    {
      do: 'ask',
      ask: {
        kind: 'sandbox',
        taskId: null,
        question: 'No sandbox works on this machine. Let agents and checks of this repository run without one?',
        detail:
          'They could then read and write whatever you can, keys and Claw itself included. The answer is kept for this repository. `claw doctor` says how to get a sandbox.',
        choices: [
          { id: 'accept', label: 'Run them without a sandbox, in this repository' },
          { id: 'drop', label: 'Drop the goal' },
        ],
        freeText: false,
      },
    },
  ]
}
