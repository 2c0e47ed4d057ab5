import type { Ask } from '../../core/ask.ts'

/** Whatever waits for the owner, in one place, answerable once from any surface. */
export interface Inbox {
  list(): Promise<Ask[]>
  get(ask: string): Promise<Ask>
  /**
   * Of two answers the first wins; the second gets ask_answered, naming who was first. A choice must
   * be one of the ask's (id or unambiguous beginning); text alone is taken where the ask wants text.
   */
  answer(ask: string, answer: { choice?: string | null; text?: string | null; by: string }): Promise<Ask>
}
