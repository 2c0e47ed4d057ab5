/** One at a time, in the order of asking. Whoever waits, waits for git calls that each have a time limit. */
export interface Lock {
  run<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when nobody holds or waits for it. */
  idle(): Promise<void>
}

export function createLock(): Lock {
  let last: Promise<unknown> = Promise.resolve()
  return {
    run(work) {
      const mine = last.then(work, work)
      last = mine.catch(() => {})
      return mine
    },
    async idle() {
      for (let seen: unknown; seen !== last; ) {
        seen = last
        await last
      }
    },
  }
}

/** A lock per name, which is there only while somebody holds it or waits for it: names come and go for months. */
export function createLocks(): (name: string) => Lock {
  const held = new Map<string, { lock: Lock; users: number }>()
  return (name) => ({
    async run(work) {
      const entry = held.get(name) ?? { lock: createLock(), users: 0 }
      held.set(name, entry)
      entry.users++
      try {
        return await entry.lock.run(work)
      } finally {
        if (--entry.users === 0) held.delete(name)
      }
    },
    idle: async () => held.get(name)?.lock.idle(),
  })
}
