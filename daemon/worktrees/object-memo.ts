/**
 * Answers of git that can never change, because every object they are about is named by its full id. Each
 * question costs a process, and a task's way asks the same ones several times.
 */
export interface ObjectMemo {
  /** Asks once. Names that are no full ids (branches, `HEAD~1`) are asked about each time. */
  recall<T>(what: string, names: readonly string[], ask: () => Promise<T>): Promise<T>
  /** What is known because we made the object ourselves. */
  note(what: string, names: readonly string[], answer: unknown): void
}

/** Long answers are not kept: memory is worth more than a process. */
const LENGTH_MAX = 64 * 1024
const LIST_MAX = 20_000

export function createObjectMemo(answersMax: number): ObjectMemo {
  const kept = new Map<string, unknown>()
  const note: ObjectMemo['note'] = (what, names, answer) => {
    if (!names.every(isFullId) || !isSmall(answer)) return
    kept.set([what, ...names].join('\0'), structuredClone(answer))
    if (kept.size > answersMax) kept.delete(kept.keys().next().value!)
  }
  return {
    note,
    async recall<T>(what: string, names: readonly string[], ask: () => Promise<T>) {
      if (!names.every(isFullId)) return ask()
      const key = [what, ...names].join('\0')
      if (kept.has(key)) {
        const known = kept.get(key)
        // The latest asked is the last to go.
        kept.delete(key)
        kept.set(key, known)
        return structuredClone(known) as T
      }
      const answer = await ask()
      note(what, names, answer)
      return answer
    },
  }
}

export function isFullId(name: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(name)
}

function isSmall(answer: unknown): boolean {
  if (typeof answer === 'string') return answer.length <= LENGTH_MAX
  return !Array.isArray(answer) || answer.length <= LIST_MAX
}
