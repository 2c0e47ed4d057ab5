import { Fault } from './fault.ts'

/** A table of which state may follow which; anything absent cannot happen. */
export type Moves<S extends string> = Readonly<Record<S, readonly S[]>>

/** Throws `move_refused`, naming the thing and its present state, where the table does not allow the move. */
export function assertMove<S extends string>(moves: Moves<S>, thing: string, from: S, to: S): void {
  if (moves[from].includes(to)) return
  const allowed = moves[from].length > 0 ? `it may become ${moves[from].join(', ')}` : 'that is where it ends'
  throw new Fault('move_refused', `${thing} is ${from} and cannot become ${to}: ${allowed}`)
}
