/** Lets at most `max` pieces of work run at the same time; the others wait in the order in which they came. */
export function createLimiter(max: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return async function limited<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (running >= max) {
      await new Promise<void>((resolve, reject) => {
        const go = () => {
          signal.removeEventListener('abort', leave)
          resolve()
        }
        const leave = () => {
          waiting.splice(waiting.indexOf(go), 1)
          reject(signal.reason)
        }
        signal.addEventListener('abort', leave, { once: true })
        waiting.push(go)
      })
    } else running++
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      // The place is handed on, so that nobody who came later slips in between.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
