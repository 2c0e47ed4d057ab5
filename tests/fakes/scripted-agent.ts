import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { AgentProfile } from '../../daemon/agents/agent.ts'

/** The program itself; it runs on any Node from 20 on. */
export const scriptedAgentFile = realpathSync(fileURLToPath(new URL('./scripted-agent.js', import.meta.url)))

/**
 * What the scripted agent can be told, in order. Paths are relative to the worktree unless
 * absolute; `to` names a file in which what came back is kept.
 */
export type Step =
  | { do: 'say' | 'think' | 'noise' | 'stderr'; text: string }
  /** Tells what a variable holds. */
  | { do: 'say'; text: string; env: string }
  /** Ends the turn without a word; else it says "done", also when it has done nothing. */
  | { do: 'mute' }
  | { do: 'write'; path: string; text?: string; append?: boolean }
  | { do: 'remove'; path: string }
  /** Tries to read and writes what it got, or `cannot read: CODE`, into `to`. */
  | { do: 'read'; path: string; to: string }
  | { do: 'run'; command: string; to?: string }
  | {
      do: 'ask'
      kind?: string
      title?: string
      command?: string
      path?: string
      options?: { optionId: string; name: string; kind: string }[]
      yes?: Step[]
      no?: Step[]
      to?: string
    }
  /** Whether the prompt's text contains something: feedback, say. */
  | { do: 'when'; contains: string; yes?: Step[]; no?: Step[] }
  /** Says nothing until it is cancelled; `deaf` not even then. */
  | { do: 'silent' | 'deaf' }
  /** Asks the model it is pointed at (Chat Completions), so often. */
  | { do: 'model'; times?: number; stream?: boolean; text?: string }
  | { do: 'sleep'; ms: number }
  | { do: 'crash'; code?: number; signal?: 'SIGKILL' | 'SIGSEGV'; stderr?: string }
  | { do: 'flood'; updates?: number; bytes?: number }
  | { do: 'ignore-term' }
  /** A child that ignores TERM, in a session of its own unless `session` is false. */
  | { do: 'leave-child'; seconds?: number; session?: boolean; cleanEnv?: boolean; to?: string }
  | { do: 'commit'; branch?: string; message?: string }
  /** Anything as an update, a client call or a notification. */
  | { do: 'update'; update: Record<string, unknown> }
  | { do: 'call'; method: string; params?: Record<string, unknown>; to?: string }
  | { do: 'notify'; method: string; params?: Record<string, unknown> }
  | { do: 'error'; code?: number; message?: string; data?: unknown }
  | { do: 'end'; reason: string }
  | { do: 'usage'; usage: Record<string, number> }

/** What each prompt of a task leads to, counted in the HOME that its runs share; the last one repeats. */
export type Script = Step[] | { turns: Step[][] }

/** A prompt, or a part of a brief, that the scripted agent acts on. A prompt without a script goes on with the last one seen. */
export function script(steps: Script, words = 'Do as the script says.'): string {
  return `${words}\n\n\`\`\`script\n${JSON.stringify(steps)}\n\`\`\`\n`
}

/** For drivers with `createPrograms` whose `node` is this process's. The sandbox must leave `tests/fakes` readable: `readable: [scriptedAgentFile]`. */
export function scriptedProfile(changes: Partial<AgentProfile> = {}): AgentProfile {
  return {
    name: 'scripted',
    title: 'Scripted agent',
    command: [process.execPath, scriptedAgentFile],
    files: () => ({}),
    env: () => ({}),
    mode: null,
    apis: [],
    credentialFile: null,
    quirks: {
      loosePermissionTitles: true,
      leavesChildren: false,
      swallowsModelErrors: true,
      ignoresTerm: false,
      usage: 'turn',
      resume: 'load',
      mcp: true,
    },
    ...changes,
  }
}
