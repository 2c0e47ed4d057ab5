import { RequestError, type RequestPermissionResponse } from '@agentclientprotocol/sdk'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { within } from '../processes/within.ts'
import type { AcpConnection } from './acp-connection.ts'
import { createUpdateReader, record } from './acp-updates.ts'
import type { AgentHooks, AgentSpec, TurnEnd } from './agent.ts'
import { providerFault, providerFaultInText } from './provider-errors.ts'
import { watchSilence } from './silence.ts'
import { createUsageReader } from './turn-usage.ts'

export interface AcpTurns {
  /** For the connection: called with whatever comes. */
  onUpdate(params: unknown): void
  onPermission(params: unknown, signal: AbortSignal): Promise<RequestPermissionResponse>
  onNoise(line: string): void
  onBytes(count: number): void
  prompt(connection: AcpConnection, sessionId: string, text: string): Promise<TurnEnd>
  cancel(connection: AcpConnection, sessionId: string): Promise<void>
  /** Resolves when no turn is running. */
  idle(): Promise<void>
  /** Takes the questions back that nobody has answered yet. */
  withdraw(): void
  /** The session was loaded: agents that count per session begin where it was. */
  sessionLoaded(): void
}

interface Turn {
  text: string
  /** What was said before the last tool call, if nothing came after it. */
  textBefore: string
  tools: Set<string>
  updates: number
  dropped: number
  bytes: number
  cancelled: boolean
  costUsd: number | null
  inChunks: unknown[]
  contexts: number[]
  heard(): void
}

const LAST_WORDS_MAX = 4_000
const TURN_TEXT_MAX = 64_000
const TURN_UPDATES_MAX = 20_000
/** Model calls of a turn whose counts are kept. */
const CALLS_MAX = 10_000
const TURN_BYTES_MAX = 256 * 1024 * 1024
/** How long an agent may take to end a turn it was asked to end. */
const CANCEL_MS = 5_000

const STOP_REASONS = ['end_turn', 'max_tokens', 'refusal', 'cancelled'] as const

/**
 * The turns of one session: one after the other, watched for silence, their words and tools
 * handed on in order, their end translated into a TurnEnd or a Fault.
 *
 * Updates outside a turn (a replayed history, a start-up banner) are not handed on.
 */
export function createAcpTurns(world: World, spec: AgentSpec, hooks: AgentHooks): AcpTurns {
  const { clock } = world
  const { profile } = spec
  const reader = createUpdateReader(spec.worktree)
  let turn: Turn | undefined
  let queue: Promise<unknown> = Promise.resolve()
  let questions = 0
  let withdrawn = new AbortController()
  const usageReader = createUsageReader(profile.quirks.usage)
  let flooded: Fault | undefined
  let onFlood: ((fault: Fault) => void) | undefined

  const handOn: AgentHooks['onUpdate'] = (update) => {
    try {
      hooks.onUpdate(update)
    } catch (error) {
      world.log.error({ runId: spec.runId, err: error }, 'update handler failed')
    }
  }

  async function runTurn(connection: AcpConnection, sessionId: string, text: string): Promise<TurnEnd> {
    const silent = Promise.withResolvers<number>()
    using watch = watchSilence({
      clock,
      silenceMs: spec.silenceMs,
      isWaiting: () => questions > 0,
      isBusy: () => reader.toolsRunning() > 0,
      onSilent: silent.resolve,
    })
    const current: Turn = {
      text: '',
      textBefore: '',
      tools: new Set(),
      updates: 0,
      dropped: 0,
      bytes: 0,
      cancelled: false,
      costUsd: null,
      inChunks: [],
      contexts: [],
      heard: () => watch.heard(),
    }
    turn = current
    withdrawn = new AbortController()
    onFlood = (fault) => connection.fail(fault)
    try {
      const request = connection.request('session/prompt', {
        sessionId,
        prompt: [{ type: 'text', text: harmless(text) }],
      })
      const answer = request.then(
        (response) => ({ response: record(response) }),
        (error: unknown) => ({ error }),
      )
      const first = await Promise.race([answer, silent.promise])
      if (typeof first === 'number') {
        const fault = new Fault(
          'agent_silent',
          `${profile.title} showed no progress for ${Math.round(first / 1000)} s`,
          {
            details: { silentMs: first },
          },
        )
        await cancelTurn(connection, sessionId)
        const ended = await within(clock, CANCEL_MS, answer)
        if (!ended || 'error' in ended) connection.fail(fault)
        throw fault
      }
      return endOfTurn(current, sessionId, first)
    } finally {
      withdrawn.abort(new Fault('agent_protocol', 'The turn is over'))
      if (current.dropped > 0) {
        handOn({ kind: 'notice', text: `${current.dropped} more updates of this turn were left out` })
      }
      reader.endTurn()
      turn = undefined
    }
  }

  function endOfTurn(current: Turn, sessionId: string, answer: { response: object } | { error: unknown }): TurnEnd {
    const now = clock.now()
    if ('error' in answer) {
      if (!(answer.error instanceof RequestError)) throw answer.error
      // Some answer a cancel with an error (Qwen).
      if (!current.cancelled) throw faultOfAnswer(profile.title, answer.error, now)
    }
    const response = record('response' in answer ? answer.response : {})
    const said = STOP_REASONS.find((known) => known === response['stopReason']) ?? 'other'
    const lastWords = (current.text.trim() === '' ? current.textBefore : current.text).trim()
    // Others end a cancelled turn as if nothing had been (goose).
    const stopReason = current.cancelled ? 'cancelled' : said
    if (stopReason === 'end_turn' || stopReason === 'other') {
      const fault = swallowedFault(current, sessionId, now)
      if (fault) throw fault
    }
    const spent = usageReader.read({ response, ...current })
    const { inputTokens, cachedTokens, outputTokens, usd } = spent
    const usage = { inputTokens, cachedTokens, outputTokens, usd }
    handOn({ kind: 'usage', usage })
    return { stopReason, text: lastWords.slice(-LAST_WORDS_MAX), toolCalls: current.tools.size, usage, spent }
  }

  /** A failure of the model behind a turn that ended as if all were well. */
  function swallowedFault(current: Turn, sessionId: string, now: number): Fault | undefined {
    const noted = profile.lastError?.({ home: spec.home, sessionId }) ?? null
    if (noted !== null) {
      return (
        providerFault(profile.title, noted, now) ??
        new Fault('provider_unavailable', `The model of ${profile.title} failed: ${noted.slice(0, 400)}`)
      )
    }
    const inText = providerFaultInText(profile.title, current.text, now)
    if (inText) return inText
    if (!profile.quirks.swallowsModelErrors || current.tools.size > 0) return undefined
    return current.text.trim() === ''
      ? new Fault(
          'provider_unavailable',
          `${profile.title} ended its turn without a word; its model has probably failed`,
        )
      : undefined
  }

  async function cancelTurn(connection: AcpConnection, sessionId: string): Promise<void> {
    if (!turn || turn.cancelled) return
    turn.cancelled = true
    withdrawn.abort(new Fault('agent_protocol', 'The turn was cancelled'))
    await connection.notify('session/cancel', { sessionId }).catch(() => {}) // it is gone: the turn ends with that
  }

  return {
    onUpdate(params) {
      if (!turn) return
      const { progress, update, costUsd, contextTokens, tokens } = reader.read(record(params)['update'])
      if (costUsd !== undefined) turn.costUsd = costUsd
      if (tokens !== undefined && turn.inChunks.length < CALLS_MAX) turn.inChunks.push(tokens)
      // Said again after each model call; the same number again is no other call.
      if (contextTokens !== undefined && contextTokens !== turn.contexts.at(-1) && turn.contexts.length < CALLS_MAX)
        turn.contexts.push(contextTokens)
      if (progress) turn.heard()
      if (!update) return
      if (update.kind === 'text') turn.text = (turn.text + update.text).slice(-TURN_TEXT_MAX)
      if (update.kind === 'tool' && !turn.tools.has(update.id)) {
        turn.tools.add(update.id)
        if (turn.text.trim() !== '') turn.textBefore = turn.text
        turn.text = ''
      }
      if (++turn.updates > TURN_UPDATES_MAX) turn.dropped++
      else handOn(update)
    },

    async onPermission(params, signal) {
      const request = reader.readPermission(params)
      const cancelled: RequestPermissionResponse = { outcome: { outcome: 'cancelled' } }
      if (!request || request.options.length === 0 || !turn || turn.cancelled) return cancelled
      questions++
      turn.heard()
      try {
        const chosen = await hooks.onPermission(request, AbortSignal.any([signal, withdrawn.signal]))
        const option = request.options.find(({ id }) => id === chosen)
        return option ? { outcome: { outcome: 'selected', optionId: option.id } } : cancelled
      } catch (error) {
        if (!withdrawn.signal.aborted && !signal.aborted) {
          world.log.error({ runId: spec.runId, err: error }, 'permission handler failed')
        }
        return cancelled
      } finally {
        questions--
        turn?.heard()
      }
    },

    onNoise(line) {
      if (turn) handOn({ kind: 'notice', text: line })
    },

    onBytes(count) {
      if (!turn || flooded) return
      turn.bytes += count
      if (turn.bytes <= TURN_BYTES_MAX) return
      flooded = new Fault('agent_protocol', `${profile.title} sent more than ${TURN_BYTES_MAX} bytes in one turn`)
      onFlood?.(flooded)
    },

    prompt(connection, sessionId, text) {
      const result = queue.then(() => runTurn(connection, sessionId, text))
      queue = result.catch(() => {})
      return result
    },
    cancel: cancelTurn,
    idle: async () => void (await queue),
    withdraw: () => withdrawn.abort(new Fault('agent_crashed', 'The run was stopped')),
    sessionLoaded: () => usageReader.sessionLoaded(spec.usedBefore ?? null),
  }
}

const AUTH_REQUIRED = -32000
const ERROR_DATA_MAX = 2_000

/** An agent's JSON-RPC error: usually its model's, now and then its own. */
export function faultOfAnswer(title: string, error: RequestError, now: number): Fault {
  const data = error.data === undefined ? '' : ` ${JSON.stringify(error.data)}`
  const words = `${error.message}${data}`.slice(0, ERROR_DATA_MAX)
  if (error.code === AUTH_REQUIRED) {
    return new Fault('provider_refused', `${title} is not logged in: ${words}`, {
      hint: `Run ${title} once by hand and log in, or give Claw a model.`,
    })
  }
  return (
    providerFault(title, words, now) ??
    new Fault('agent_protocol', `${title} answered with an error: ${words}`, { details: { code: error.code } })
  )
}

/** pi and Claude take a leading slash for a command of their own. */
function harmless(text: string): string {
  return text.startsWith('/') ? `Text:\n${text}` : text
}
