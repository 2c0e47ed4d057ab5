import type { Redactor, RedactStream } from '../../core/redact.ts'
import type { AgentUpdate } from '../agents/agent.ts'

type Said = Extract<AgentUpdate, { kind: 'text' | 'thought' }>

/**
 * Takes secrets out of what an agent says while it says it. Words come in pieces, and half a secret in one
 * event and half in the next is a secret for whoever reads both: an end that may be the beginning of one
 * waits for the next piece.
 */
export interface CleanUpdates {
  /** What can be passed on now, in order. */
  add(update: AgentUpdate): AgentUpdate[]
  /** What was held back; at the end of a turn. */
  end(): AgentUpdate[]
}

export function createCleanUpdates(redactor: Pick<Redactor, 'stream'> | undefined): CleanUpdates {
  if (!redactor) return { add: (update) => [update], end: () => [] }
  let open: { kind: Said['kind']; stream: RedactStream } | undefined

  function end(): AgentUpdate[] {
    if (!open) return []
    const { kind, stream } = open
    open = undefined
    return said(kind, stream.end())
  }

  return {
    add(update) {
      // How much was used says nothing, and comes in the middle of words.
      if (update.kind === 'usage') return [update]
      if (update.kind !== 'text' && update.kind !== 'thought') return [...end(), update]
      const before = open?.kind === update.kind ? [] : end()
      open ??= { kind: update.kind, stream: redactor.stream() }
      return [...before, ...said(update.kind, open.stream.push(update.text))]
    },
    end,
  }
}

function said(kind: Said['kind'], text: string): AgentUpdate[] {
  return text === '' ? [] : [{ kind, text }]
}
