/** A program that asks a model which never answers; it prints the pid of the brain's process and is then killed. */
import { z } from 'zod'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createModelBrain } from '../../../daemon/brain/model-brain.ts'

const brain = createModelBrain({
  world: { clock: systemClock, log: silentLog },
  config: { provider: 'anthropic', model: 'm', key: 'k', baseUrl: process.argv[2]! },
})
const asking = brain.ask({ purpose: 'plan', system: 's', prompt: 'p', schema: z.object({ a: z.string() }) })
console.log(brain.pid)
await asking
