/** A gateway in a process of its own, to be killed: argv is the database, the provider's URL and a mode. */
import { readConfig } from '../../../config/load.ts'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { openGateway } from '../../../daemon/gateway/gateway.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'

const [file = '', url = ''] = process.argv.slice(2)
const gateway = await openGateway({
  config: readConfig(`model: {provider: openai-chat, model: scripted-model, baseUrl: "${url}"}`, 'c', {}),
  secrets: { find: () => ({ missing: 'none here' }) },
  env: {},
  store: openSqliteStore(file),
  world: { clock: systemClock, log: silentLog },
  traceDir: '',
  redact: (text) => text,
  hooks: { onLimit() {}, onResumed() {}, onDay() {} },
})
const granted = gateway.access(gateway.models[0]!, {
  goalId: 'goal_1',
  taskId: null,
  runId: null,
  agent: 'pi',
  purpose: 'work',
})
process.stdout.write(`${JSON.stringify(granted.model)}\n`)
