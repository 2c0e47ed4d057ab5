/**
 * What the daemon and the brain's process say to each other: one question, one reply, by id.
 * Plain values only, so that nothing of the model SDK is loaded on the daemon's side.
 */
import type { Usage } from '../../core/run.ts'
import type { JsonSchema } from './wire-schema.ts'

export interface ModelBrainConfig {
  /** `openai` speaks Responses; `openai-chat` speaks Chat Completions, as most local servers do. */
  provider: 'anthropic' | 'openai' | 'openai-chat' | 'google'
  model: string
  /** Where the provider is reached; left out: its own address. Ends before `/messages`, `/responses`, `/chat/completions`, `/models`. */
  baseUrl?: string
  key: string
  /** Chat Completions of a server that only resembles OpenAI's; left out: any server but OpenAI's own. */
  isLoose?: boolean
}

/** What was said before in the same question: an answer that did not fit, and why. */
export interface Said {
  role: 'user' | 'assistant'
  text: string
}

export type ToBrain =
  | {
      type: 'ask'
      id: number
      config: ModelBrainConfig
      system: string
      said: Said[]
      schema: JsonSchema
      answerBytesMax: number
      /** Wants to hear the answer as far as it has come. */
      isStreamed: boolean
    }
  | { type: 'abort'; id: number }

export type FromBrain = { id: number } & (Reply | { type: 'partial'; value: unknown })

/** text: the model's words, which may or may not be what was asked for. problem: there are none. */
export type Reply =
  | { type: 'text'; text: string; cutOff: boolean; usage: Usage }
  | { type: 'problem'; problem: ModelProblem; usage: Usage }

export type ModelProblem =
  /** The provider answered with an error; the body's beginning and the headers that say when to come back. */
  | { kind: 'http'; status: number; headers: Record<string, string>; body: string; message: string }
  /** No answer came: refused connections, broken streams, unreadable bodies. */
  | { kind: 'network'; message: string }
  /** The provider's filter or the model itself declined. */
  | { kind: 'declined'; message: string }
  | { kind: 'too-large'; message: string }
  | { kind: 'aborted' }
