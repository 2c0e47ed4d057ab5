import { SECOND } from '../../core/clock.ts'
import type { Run } from '../../core/run.ts'
import type { OutsideForRun } from '../../tools/context.ts'
import type { OutsideTools } from '../mcp-client/outside-tools.ts'
import type { Store } from '../store/store.ts'
import { whileWaiting } from './while-waiting.ts'

/** How long one call waits for the owner; the agent then calls again. Below the limits that agents have for tools. */
const OWNER_WAIT_MS = 45 * SECOND

/** The owner's other servers as one run may use them. Every call goes through Claw: policy, asks and limits hold. */
export function createOutsideForRun(
  { store, tools }: { store: Store; tools: OutsideTools },
  row: () => Promise<Run>,
): OutsideForRun {
  return {
    offered: () => tools.offered('runs'),
    async call(name, input, { signal, onProgress }) {
      const run = await row()
      const call = {
        to: 'runs' as const,
        who: { goalId: run.goalId, taskId: run.taskId, runId: run.id },
        name,
        input,
        onProgress,
      }
      const isAsked = (await tools.offered('runs')).some((tool) => tool.name === name && tool.verdict === 'ask')
      const work = () => tools.call(call, OWNER_WAIT_MS, signal)
      const answer = await (isAsked ? whileWaiting(store, run.id, work) : work())
      return answer.state === 'open' ? answer : { state: 'answered', ...answer.result }
    },
  }
}
