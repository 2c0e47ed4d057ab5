import type { AgentSession, TurnEnd, TurnSpend } from './agent.ts'

/** Opens the ledger's entry for one turn; `end` says what it used, null where nobody knows. */
export type OpenTurn = (prompt: string) => Promise<{ end(spent: TurnSpend | null): void }>

/** Prompts and counts what the turn used, however it ends. Without `openTurn` somebody else counts. */
export async function countedPrompt(
  session: Pick<AgentSession, 'prompt'>,
  text: string,
  openTurn: OpenTurn | undefined,
): Promise<TurnEnd> {
  const turn = await openTurn?.(text)
  try {
    const end = await session.prompt(text)
    turn?.end(end.spent)
    return end
  } catch (error) {
    turn?.end(null)
    throw error
  }
}
