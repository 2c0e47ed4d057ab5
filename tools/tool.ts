import type { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import type { OwnerContext, RunContext } from './context.ts'

/**
 * One thing that a client may call over MCP: its name, words for a model, schemas and effect, in one file.
 *
 * A tool translates and nothing more; what is allowed stands behind its context. Expected failures are
 * thrown as Faults and reach the model as words with a hint. No tool finishes a task: only a proof does.
 */
export interface Tool<
  S extends ToolScope = ToolScope,
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodObject = z.ZodObject,
> {
  /** `verb_noun`; unique within its scope. */
  name: string
  title: string
  /** For a model: what it does, when to call it, what comes back. */
  description: string
  /** owner: whoever holds one of the owner's tokens; run: an agent at work, for its own task alone. */
  scope: S
  /** Whether it changes nothing. A token that may only read gets no other. */
  readOnly: boolean
  /** Whether it may end or undo something. */
  destructive: boolean
  /** Whether calling it again with the same input changes nothing more. */
  idempotent: boolean
  /** Whether a call may wait for something to happen: its client is then kept posted that the line is open. */
  waits?: true
  /** Left out of the list where this is missing. */
  needs?: 'memory'
  input: I
  output: O
  run(input: z.output<I>, context: ContextOf<S>, call: ToolCall): Promise<z.input<O> | PersonNeeded>
  /** The same in plain words: many clients show the model nothing else, so it holds all that matters. */
  text(output: z.output<O>): string
}

export type ToolScope = 'owner' | 'run'
export type ContextOf<S extends ToolScope> = S extends 'owner' ? OwnerContext : RunContext

/** What a tool sees of the call beside its input. */
export interface ToolCall {
  /** Aborted when the client gives up or the daemon closes. */
  signal: AbortSignal
  clock: Clock
  /** Who calls, for the record: `mcp:laptop`. */
  by: string
  /** Tells a client that asked for it how far the work is. Never throws. */
  progress(done: number, words: string): Promise<void>
  /** Whether the client can put a form before a person. */
  canAskPerson: boolean
  /** What the person answered to the form of this call's previous round. */
  person: { action: string; content: Record<string, unknown> } | undefined
}

/** A tool's answer instead of a result: the person at the client has to fill in a form first. */
export class PersonNeeded {
  readonly message: string
  readonly form: Form

  constructor(message: string, form: Form) {
    this.message = message
    this.form = form
  }
}

/** The restricted schema that clients can show. */
export interface Form {
  type: 'object'
  properties: Record<
    string,
    { type: 'string'; title?: string; description?: string; enum?: string[]; enumNames?: string[] }
  >
  required?: string[]
}

export function defineTool<S extends ToolScope, I extends z.ZodObject, O extends z.ZodObject>(
  tool: Tool<S, I, O>,
): Tool<S, I, O> {
  return tool
}

/** A tool whose kinds of input and output no longer matter, as in the list. */
export type AnyTool<S extends ToolScope> = Omit<Tool<S>, 'run' | 'text'> & {
  // biome-ignore lint/suspicious/noExplicitAny: each tool is checked against its own schemas by defineTool
  run(input: any, context: ContextOf<S>, call: ToolCall): Promise<any>
  // biome-ignore lint/suspicious/noExplicitAny: see above
  text(output: any): string
}
