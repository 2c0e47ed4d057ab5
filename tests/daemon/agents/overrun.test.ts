import { expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { classifyFault } from '../../../daemon/agents/verdict.ts'
import { createContainment } from '../../../daemon/processes/containment.ts'
import { createProcessTable } from '../../../daemon/processes/process-table.ts'
import { createAgentRoom } from '../../fakes/agent-room.ts'
import { script, scriptedProfile } from '../../fakes/scripted-agent.ts'

const MB = 1024 * 1024

async function faultOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

test('an agent whose command fills the disk is ended as a failure of the work, with words, and nothing of it lives', async () => {
  const containment = createContainment({
    clock: systemClock,
    table: createProcessTable(),
    limits: { memoryBytesMax: 8192 * MB, processesMax: 500, diskBytesMax: 32 * MB },
    lookMs: 100,
    measureMs: 100,
  })
  await using room = await createAgentRoom({ containment })
  const session = await room.open({ profile: scriptedProfile() })
  const command = 'i=0; while :; do head -c 1000000 /dev/zero > part-$i; i=$((i + 1)); done'
  const fault = await faultOf(session.prompt(script([{ do: 'run', command }])))
  expect(fault).toMatchObject({ code: 'run_overrun', message: expect.stringContaining('more than 32 MB') })
  expect(classifyFault(fault)).toMatchObject({ failure: 'work' })
  await session.stop()
  expect(await room.alive()).toEqual([])
})

test('an agent that talks without end is ended the same way', async () => {
  await using room = await createAgentRoom({ wireBytesEnd: 200_000 })
  const session = await room.open({ profile: scriptedProfile() })
  const text = 'and on and on '.repeat(1_000)
  const fault = await faultOf(session.prompt(script(Array.from({ length: 60 }, () => ({ do: 'say' as const, text })))))
  expect(fault).toMatchObject({ code: 'run_overrun' })
  await session.stop()
  expect(await room.alive()).toEqual([])
})
