/**
 * The tools, by hand. A new one is written in a file of its own, named here, and docs/TOOLS.md follows
 * (`node scripts/generate-docs.ts`).
 */
import { acceptWork } from './owner/accept-work.ts'
import { addGoal } from './owner/add-goal.ts'
import { addSchedule } from './owner/add-schedule.ts'
import { answerAsk } from './owner/answer-ask.ts'
import { cancelGoal } from './owner/cancel-goal.ts'
import { forget } from './owner/forget.ts'
import { giveTask } from './owner/give-task.ts'
import { listGoals } from './owner/list-goals.ts'
import { listInbox } from './owner/list-inbox.ts'
import { listNotes } from './owner/list-notes.ts'
import { listSchedules } from './owner/list-schedules.ts'
import { pauseGoal } from './owner/pause-goal.ts'
import { pauseSchedule } from './owner/pause-schedule.ts'
import { previewSchedule } from './owner/preview-schedule.ts'
import { recall } from './owner/recall.ts'
import { rejectWork } from './owner/reject-work.ts'
import { remember } from './owner/remember.ts'
import { removeSchedule } from './owner/remove-schedule.ts'
import { resumeGoal } from './owner/resume-goal.ts'
import { resumeSchedule } from './owner/resume-schedule.ts'
import { reviewWork } from './owner/review-work.ts'
import { runSchedule } from './owner/run-schedule.ts'
import { showGoal } from './owner/show-goal.ts'
import { showNote } from './owner/show-note.ts'
import { showPlan } from './owner/show-plan.ts'
import { showProof } from './owner/show-proof.ts'
import { showReport } from './owner/show-report.ts'
import { showStatus } from './owner/show-status.ts'
import { showTask } from './owner/show-task.ts'
import { steerGoal } from './owner/steer-goal.ts'
import { takeTask } from './owner/take-task.ts'
import { undoGoal } from './owner/undo-goal.ts'
import { watchGoal } from './owner/watch-goal.ts'
import { appendScratch } from './run/append-scratch.ts'
import { askOwner } from './run/ask-owner.ts'
import { brief } from './run/brief.ts'
import { readScratch } from './run/read-scratch.ts'
import { recall as recallInRun } from './run/recall.ts'
import { remember as rememberInRun } from './run/remember.ts'
import { reportProgress } from './run/report-progress.ts'
import { useSkill } from './run/use-skill.ts'
import type { AnyTool } from './tool.ts'

/** For whoever holds one of the owner's tokens, in the order in which a day needs them. */
export const OWNER_TOOLS: readonly AnyTool<'owner'>[] = [
  addGoal,
  listGoals,
  showGoal,
  watchGoal,
  steerGoal,
  pauseGoal,
  resumeGoal,
  cancelGoal,
  undoGoal,
  showPlan,
  showTask,
  showProof,
  reviewWork,
  acceptWork,
  rejectWork,
  takeTask,
  giveTask,
  listInbox,
  answerAsk,
  showReport,
  previewSchedule,
  addSchedule,
  listSchedules,
  pauseSchedule,
  resumeSchedule,
  runSchedule,
  removeSchedule,
  recall,
  remember,
  forget,
  listNotes,
  showNote,
  showStatus,
]

/** For an agent at work, each bound to its own task. */
export const RUN_TOOLS: readonly AnyTool<'run'>[] = [
  brief,
  useSkill,
  recallInRun,
  rememberInRun,
  readScratch,
  appendScratch,
  askOwner,
  reportProgress,
]
