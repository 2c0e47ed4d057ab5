import type { Config } from '../../config/schema.ts'
import type { Goal } from '../../core/goal.ts'
import type { Task } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { type Facts, scopeOf } from '../../memory/facts.ts'
import { markRecalled } from '../../memory/guard.ts'
import type { Memory, Profile, RecalledPassage } from '../../memory/memory.ts'
import type { Scope } from '../../memory/note.ts'
import type { OffLimit } from '../planning/vet.ts'
import { findOffLimits } from './off-limits.ts'
import type { MemoryDoor } from './open-memory.ts'

/**
 * What memory gives to whoever plans or works: the owner's standing preferences, in their own words, and what
 * earlier goals taught, as material.
 *
 * It never fails and never makes anybody wait for a memory that is broken: then there is nothing to say, and
 * the log says why. What is recalled is marked, so that it is not remembered again as new.
 */
export interface RecallForWork {
  forPlan(goal: Goal, files: readonly string[]): Promise<PlanMemory>
  forRun(task: Task, goal: Goal): Promise<RunMemory>
}

export interface PlanMemory {
  /** The owner's own words, that hold for every goal. */
  preferences: string | null
  /** Material, in Markdown. */
  recalled: string | null
  /** What no task may change. */
  offLimits: OffLimit[]
}

export type RunMemory = Omit<PlanMemory, 'offLimits'>

const NOTHING: PlanMemory = { preferences: null, recalled: null, offLimits: [] }
/** One counted note (flaky checks, files that change together …) says the most important first. */
const COUNTED_CHARS_MAX = 1_600
const QUESTION_CHARS_MAX = 2_000
const NAMED_FILES_MAX = 20
const TOGETHER_MAX = 12
const RUN_PASSAGES_MAX = 5

export function createRecallForWork(deps: {
  memory: MemoryDoor
  config: Readonly<Config['memory']>
  world: World
}): RecallForWork {
  const log = deps.world.log.child({ part: 'memory' })

  async function orNothing<T>(nothing: T, work: (memory: Memory) => Promise<T>): Promise<T> {
    if (!deps.memory.isOn) return nothing
    try {
      return await work(await deps.memory.open())
    } catch (err) {
      log.warn({ err }, 'nothing could be recalled')
      return nothing
    }
  }

  async function profileOf(memory: Memory, scopes: readonly Scope[]): Promise<Profile> {
    const profile = await memory.profile(scopes)
    if (profile.warning !== null) log.warn({ warning: profile.warning }, 'the profile does not hold all preferences')
    return profile
  }

  return {
    forPlan: (goal, files) =>
      orNothing(NOTHING, async (memory) => {
        const repository = scopeOf(goal.repositoryId)
        const scopes: Scope[] = ['global', repository, `goal:${goal.id}`]
        const profile = await profileOf(memory, scopes)
        const standing = await Promise.all(profile.notes.map((id) => memory.getNote(id)))
        // What did not fit into the profile forbids all the same.
        const left = await Promise.all(profile.left.map(({ id }) => memory.getNote(id)))
        const counted = await countedNotes(memory, ['global', repository])
        const together = await changedTogether(await deps.memory.facts(), goal, files)
        const tokensMax = deps.config.planTokensMax
        const passages = tokensMax > 0 ? await ask(memory, goal.text, { scopes, tokensMax }) : []
        const sections = [...counted, together, passagesText(passages, 'What was noted before')].filter(Boolean)
        return {
          preferences: preferencesText(profile),
          recalled: sections.length > 0 ? markRecalled(sections.join('\n\n')) : null,
          offLimits: findOffLimits([...standing, ...left], files),
        }
      }),

    forRun: (task, goal) =>
      orNothing<RunMemory>(NOTHING, async (memory) => {
        const scopes: Scope[] = ['global', scopeOf(goal.repositoryId), `goal:${goal.id}`]
        const profile = await profileOf(memory, scopes)
        const question = `${task.spec.title}\n${task.spec.brief}`
        const tokensMax = deps.config.runTokensMax
        const options = { scopes, tokensMax, limit: RUN_PASSAGES_MAX }
        const passages = tokensMax > 0 ? await ask(memory, question, options) : []
        const text = passagesText(passages, null)
        return { preferences: preferencesText(profile), recalled: text === '' ? null : markRecalled(text) }
      }),
  }
}

/** The facts and lessons that bear on it; the profile is given anyway, and counted notes are given whole. */
async function ask(
  memory: Memory,
  question: string,
  options: { scopes: readonly Scope[]; tokensMax: number; limit?: number },
): Promise<RecalledPassage[]> {
  const { passages } = await memory.recall(question.slice(0, QUESTION_CHARS_MAX), {
    ...options,
    kinds: ['fact', 'decision', 'lesson', 'episode', 'recipe'],
  })
  return passages.filter((passage) => !passage.superseded)
}

/** Kept by counting: how the repository is set up, what is flaky, what changes together, who did well. */
async function countedNotes(memory: Memory, scopes: readonly Scope[]): Promise<string[]> {
  const notes = memory.listNotes({ scopes, attribute: 'counted' })
  const texts = await Promise.all(notes.map(({ id }) => memory.getNote(id)))
  return texts.map(({ title, body }) => `## ${title}\n\n${cut(body, COUNTED_CHARS_MAX)}`)
}

/** What changed together with the files that the goal names. */
async function changedTogether(facts: Facts, goal: Goal, files: readonly string[]): Promise<string> {
  const named = files.filter((file) => goal.text.includes(file)).slice(0, NAMED_FILES_MAX)
  if (named.length === 0) return ''
  const found = await facts.changedTogether(goal.repositoryId, named)
  const lines = found
    .filter(({ together }) => together > 1)
    .slice(0, TOGETHER_MAX)
    .map(({ file, together, of }) => `- \`${file}\`, in ${together} of ${of} changes`)
  return lines.length > 0
    ? `## What changed together with ${named.map((file) => `\`${file}\``).join(', ')}\n\n${lines.join('\n')}`
    : ''
}

function passagesText(passages: readonly RecalledPassage[], title: string | null): string {
  if (passages.length === 0) return ''
  const lines = passages.map(({ title: from, text, source, at, trusted }) => {
    const said = [source.from, at?.slice(0, 10), ...(trusted ? [] : ['nobody vouches for it'])].filter(Boolean)
    return `**${from}** (${said.join(', ')})\n\n${text}`
  })
  return [...(title === null ? [] : [`## ${title}`]), ...lines].join('\n\n')
}

function preferencesText({ text }: Profile): string | null {
  return text.trim() === '' ? null : text
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax)}\n…`
}
