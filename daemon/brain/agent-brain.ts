/**
 * An agent program as the brain, for owners who have a subscription and no key.
 *
 * Each question gets a session of its own in an empty folder that is removed afterwards. The agent
 * is told to answer in words alone; whatever it wants permission for is refused. Its answer is the
 * last JSON object it wrote.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MINUTE } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { Usage } from '../../core/run.ts'
import type { World } from '../../core/world.ts'
import type { AgentDriver, AgentHooks, AgentProfile, AgentSession, ModelAccess } from '../agents/agent.ts'
import { countedPrompt, type OpenTurn } from '../agents/counted-prompt.ts'
import { askUntilFits, type Words } from './answer.ts'
import type { Brain } from './brain.ts'
import { wireSchema } from './wire-schema.ts'

export interface AgentBrainDeps {
  world: World
  driver: AgentDriver
  profile: AgentProfile
  model: ModelAccess | null
  /** Counts turns whose requests do not go through the gateway. */
  openTurn?:
    | ((question: { purpose: string; goalId?: string | undefined }, prompt: string) => ReturnType<OpenTurn>)
    | undefined
  /** Folders of sessions are made in here. */
  folder: string
  /** A name for the process, unique, so that leftovers are found after a crash. */
  newRunId: () => string
  /** Called before the program runs, to store whose process it is. */
  onSpawned?: AgentHooks['onSpawned']
  env?: Readonly<Record<string, string>>
  silenceMs?: number
  /** A question is given up after this long, both rounds together. */
  answerMaxMs?: number
}

const SILENCE_MS = 3 * MINUTE
const ANSWER_MAX_MS = 15 * MINUTE
/** Characters of one turn that are kept; the end is what matters. */
const TEXT_MAX = 1_000_000

export function createAgentBrain(deps: AgentBrainDeps): Brain {
  const name = `agent ${deps.profile.name}`
  const { clock } = deps.world
  return {
    name,
    async ask(question, signal) {
      signal?.throwIfAborted()
      const schema = wireSchema(question.schema)
      await using place = await makePlace(deps.folder)
      const heard = { text: '' }
      const opening = deps.driver.open(agentSpec(deps, place.path), agentHooks(deps, heard))
      const limits = new AbortController()
      using _limit = clock.after(deps.answerMaxMs ?? ANSWER_MAX_MS, () =>
        limits.abort(new Fault('provider_unavailable', `${name} gave no answer in time.`)),
      )
      const stopped = signal ? AbortSignal.any([signal, limits.signal]) : limits.signal
      try {
        const session = await orAborted(opening, stopped)
        return await askUntilFits(name, question.schema, async (repair): Promise<Words> => {
          heard.text = ''
          const text = repair ? repair.complaint : firstPrompt(question.system, question.prompt, schema)
          const { openTurn } = deps
          const counted = openTurn && ((prompt: string) => openTurn(question, prompt))
          const end = await orAborted(countedPrompt(session, text, counted), stopped)
          // The driver keeps only the last words; the whole came with the updates.
          const whole = heard.text.length >= end.text.length ? heard.text : end.text
          return { text: whole, cutOff: end.stopReason === 'max_tokens', usage: end.usage satisfies Usage }
        })
      } finally {
        await stopSession(opening)
      }
    },
  }
}

function firstPrompt(system: string, prompt: string, schema: object): string {
  return [
    system,
    prompt,
    '# How to answer',
    'You are asked for a judgement, not for work: use no tools, run nothing, change no files. All you need stands above.',
    'End with one JSON object, and write nothing after it. It must fit this JSON Schema:',
    `\`\`\`json\n${JSON.stringify(schema)}\n\`\`\``,
  ].join('\n\n')
}

function agentSpec(deps: AgentBrainDeps, place: string) {
  return {
    runId: deps.newRunId(),
    profile: deps.profile,
    worktree: join(place, 'worktree'),
    home: join(place, 'home'),
    tmp: join(place, 'tmp'),
    sessionId: null,
    model: deps.model,
    env: deps.env ?? {},
    mcpServers: [],
    wireFile: join(place, 'wire.jsonl'),
    silenceMs: deps.silenceMs ?? SILENCE_MS,
  }
}

function agentHooks(deps: AgentBrainDeps, heard: { text: string }): AgentHooks {
  return {
    onSpawned: deps.onSpawned ?? (async () => {}),
    onUpdate(update) {
      if (update.kind === 'text') heard.text = (heard.text + update.text).slice(-TEXT_MAX)
    },
    async onPermission(request) {
      return request.options.find((option) => option.kind === 'reject_once')?.id
    },
  }
}

async function makePlace(folder: string) {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = await mkdtemp(join(folder, 'brain-'))
  for (const part of ['worktree', 'home', 'tmp']) await mkdir(join(path, part))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) }
}

/** Waits for the opening too: a session that opens after the question was given up is still ended. */
async function stopSession(opening: Promise<AgentSession>): Promise<void> {
  const session = await opening.catch(() => undefined)
  await session?.stop()
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
