import { isFault } from '../../core/fault.ts'
import type { Call, Reply } from './child-engine.ts'
import type { Engine } from './engine.ts'
import { openLocalEngine } from './local-engine.ts'

/**
 * The engine's process: answers calls over the channel to the daemon, one reply for each,
 * and ends as soon as that channel closes, so it never outlives the daemon.
 */
let engine: Engine | undefined

process.on('disconnect', () => process.exit(0))
// The terminal's Ctrl-C goes to the whole group; the daemon decides when this one ends.
process.on('SIGINT', () => {})

process.on('message', (call: Call) => {
  void answer(call).then(
    (value) => reply({ id: call.id, ok: true, value }),
    (error: unknown) => {
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      const fault = isFault(error) ? { code: error.code, hint: error.hint } : null
      reply({ id: call.id, ok: false, message, stack: stack ?? '', fault })
    },
  )
})

async function answer(call: Call): Promise<unknown> {
  if (call.method === 'open') {
    engine = await openLocalEngine(call.args[0], (file, done, total) => reply({ progress: { file, done, total } }))
    return
  }
  if (!engine) throw new Error('the engine is not open')
  if (call.method === 'close') {
    await engine[Symbol.asyncDispose]()
    engine = undefined
    return
  }
  const method = engine[call.method] as (...args: unknown[]) => Promise<unknown>
  return await method(...call.args)
}

function reply(message: Reply): void {
  if (process.connected) process.send?.(message)
}
