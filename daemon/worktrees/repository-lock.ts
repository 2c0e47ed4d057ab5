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

/** A lock per name, made when first asked for. */
export function createLocks(): (name: string) => Lock {
  const locks = new Map<string, Lock>()
  return (name) => {
    const lock = locks.get(name) ?? createLock()
    locks.set(name, lock)
    return lock
  }
}
