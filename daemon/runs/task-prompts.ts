import { taskLabel } from '../../core/task.ts'
import type { Prompts } from '../prompts/prompts.ts'
import type { PromptInput, RunTaskDeps } from './run-deps.ts'

/** What an agent is told at the start of a run, by what the run is for. */
export function createTaskPrompts({ prompts }: { prompts: Prompts }): RunTaskDeps['prompts'] {
  const values = ({ task, goal, sharedPaths, offLimits }: PromptInput) => ({
    label: taskLabel(goal.number, task.number),
    task: task.spec,
    goalText: goal.text,
    contract: {
      checks: task.spec.checks,
      overlay: task.spec.overlay,
      footprint: task.spec.footprint,
      sharedPaths,
      offLimits,
    },
  })
  const withMemory = (text: string, { memory }: PromptInput) => {
    const remembered = prompts.remembered(memory)
    return remembered === '' ? text : `${text}\n\n${remembered}`
  }
  return {
    act: (input) => {
      const { act } = input.task.spec
      if (!act) throw new Error(`task ${input.task.id} is no act`)
      const { label, task, goalText } = values(input)
      return withMemory(prompts.startAct({ label, task, act, goalText, earlier: input.feedback || null }), input)
    },
    start: (input) => withMemory(prompts.startTask({ ...values(input), feedback: input.feedback || null }), input),
    goOn: (input) =>
      input.feedback
        ? prompts.continueTask({
            label: taskLabel(input.goal.number, input.task.number),
            feedback: input.feedback,
            attemptsLeft: Math.max(0, input.goal.limits.attemptsMax - input.task.workFailures),
          })
        : prompts.resumeTask({
            label: taskLabel(input.goal.number, input.task.number),
            title: input.task.spec.title,
            why: 'the work was paused',
            feedback: null,
          }),
    resume: (input) =>
      `${prompts.resumeTask({
        label: taskLabel(input.goal.number, input.task.number),
        title: input.task.spec.title,
        why: 'the daemon was started anew',
        feedback: input.feedback || null,
      })}\n\n${prompts.startTask({ ...values(input), feedback: null })}`,
    reconcile: (input) =>
      prompts.reconcileTask({
        ...values(input),
        theirs: input.others,
        conflicts: input.conflicts,
        theirChecks: [],
        feedback: input.feedback || null,
      }),
  }
}
