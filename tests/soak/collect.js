// @ts-check
/**
 * Loaded into the daemon of a soak: on SIGUSR2 it collects all garbage and writes down what is alive then. What a
 * process holds from outside says little: Node gives memory back late or never.
 */
import { writeFileSync } from 'node:fs'

process.on('SIGUSR2', () => {
  for (let n = 0; n < 3; n++) /** @type {any} */ (globalThis).gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const file = process.env['SOAK_ALIVE_FILE']
  if (file) writeFileSync(file, `${JSON.stringify({ heapUsed, external })}\n`, { flag: 'a' })
})
