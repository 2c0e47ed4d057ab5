/**
 * What one person reaches from one chat: everything that an owner may do, behind that person's rights.
 *
 * Commands, buttons and the tools of a brain all go through here. Whatever a brain was talked into, the context it
 * was given is the sender's.
 */
import type { Ask } from '../../core/ask.ts'
import { DAY } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Person } from '../../core/person.ts'
import type { World } from '../../core/world.ts'
import type { MemoryForTools, OwnerContext } from '../../tools/context.ts'
import { goalNamed, isTaskName, taskNamed } from '../goals/names.ts'
import { type Action, chatOfGoal, ownerOfGoal, sourceOf, whyNot, whyNotAnswer, withinLimit } from '../people/rights.ts'
import { addEvent, getGoal } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { type Attachment, type Attachments, attachmentWords } from './attachments.ts'

export interface MemberConfig {
  repo: string | null
  memberGoalsPerDay: number
  memberUsdMax: number | null
  memberTokensMax: number | null
  memberMinutesMax: number | null
  memberRepositories: readonly string[]
}

export interface ContextForDeps {
  store: Store
  world: World
  /** All that an owner may do. */
  owner: OwnerContext
  config: MemberConfig
  attachments: Pick<Attachments, 'give'>
}

export interface Speaker {
  person: Person
  /** Our row of the chat. */
  chatId: string
  /** For the record: `telegram:ann`. */
  by: string
  /** Called when words that the speaker did not write come out of a call. */
  onForeign(): void
  /** A prefix for what must happen once: the event's id. */
  onceKey: string
  /** When the message came: what it led to already is younger. */
  since: number
  /** Files that the next goal takes along. */
  files?: readonly Attachment[]
}

export function createContextFor({ store, world, owner, config, attachments }: ContextForDeps) {
  return (speaker: Speaker): OwnerContext => {
    const { person, by } = speaker
    let adds = 0

    async function refuse(action: string, why: string): Promise<never> {
      await store.transaction((tx) =>
        addEvent(tx, world.clock.now(), { type: 'chat.refused', data: { by, role: person.role, action, why } }),
      )
      throw new Fault('role_refused', `${person.name} may not ${action}: ${why}`)
    }

    async function must(action: Action, words: string, goal?: Goal): Promise<void> {
      const why = whyNot(person, action, goal)
      if (why !== undefined) await refuse(words, why)
    }

    async function goalOf(name: string): Promise<Goal> {
      return isTaskName(name) ? (await taskNamed(store.db, name)).goal : goalNamed(store.db, name)
    }

    /** Does something to a goal, where the person may. */
    async function onGoal<T>(action: Action, words: string, name: string, work: () => Promise<T>): Promise<T> {
      await must(action, `${words} ${name}`, await goalOf(name))
      return work()
    }

    async function foreign<T>(value: Promise<T>): Promise<T> {
      const found = await value
      speaker.onForeign()
      return found
    }

    async function maySee(ask: Ask): Promise<boolean> {
      if (person.role === 'owner') return true
      return ownerOfGoal(await getGoal(store.db, ask.goalId)) === person.id
    }

    async function assertMayAdd(repo: string | null): Promise<void> {
      await must('add', 'add a goal')
      if (person.role === 'owner') return
      if (repo !== null && repo !== config.repo && !config.memberRepositories.includes(repo)) {
        await refuse(`add a goal for ${repo}`, 'members work in the repositories that chat.memberRepositories names')
      }
      const since = world.clock.now() - DAY
      const { count } = await store.db
        .selectFrom('goal')
        .select(store.db.fn.countAll<number>().as('count'))
        .where('source', 'like', `%"${person.id} %`)
        .where('createdAt', '>', since)
        .executeTakeFirstOrThrow()
      if (Number(count) >= config.memberGoalsPerDay) {
        await refuse('add another goal today', `members may add ${config.memberGoalsPerDay} in a day`)
      }
    }

    const isMember = person.role !== 'owner'
    return {
      goals: {
        async add(input) {
          adds++
          const key = input.idempotencyKey ?? `${speaker.onceKey}:${adds}`
          const known = await store.db
            .selectFrom('goal')
            .select('id')
            .where('idempotencyKey', '=', key)
            .executeTakeFirst()
          const repo = input.repo ?? config.repo
          if (!known) await assertMayAdd(repo)
          const files = adds > 1 ? [] : (speaker.files ?? [])
          const added = await owner.goals.add({
            ...input,
            text: `${input.text}${attachmentWords(files)}`,
            repo,
            // A plan is a way around the planner's checks of what a member may do.
            plan: isMember ? null : (input.plan ?? null),
            ...(isMember
              ? {
                  land: 'branch',
                  autonomy: 'ask-plan',
                  usdMax: withinLimit(null, config.memberUsdMax),
                  tokensMax: withinLimit(null, config.memberTokensMax),
                  minutesMax: withinLimit(input.minutesMax, config.memberMinutesMax),
                }
              : {}),
            source: sourceOf(person, speaker.chatId),
            idempotencyKey: key,
          } as Parameters<OwnerContext['goals']['add']>[0])
          await attachments.give(files, added.goal.id)
          return added
        },
        async list(filter) {
          await must('see', 'see goals')
          const goals = await owner.goals.list(filter)
          const isOurs = ({ goal, openAsks, status }: (typeof goals)[number]) =>
            openAsks === 0 && status !== 'stuck' && isTrustedSource(goal, person)
          if (!goals.every(isOurs)) speaker.onForeign()
          return goals
        },
        async show(name) {
          const view = await onGoal('see', 'see goal', name, () => foreign(owner.goals.show(name)))
          if (whyNot(person, 'look', view.goal) === undefined) return view
          // How it stands, and nothing of what is in it.
          return { ...view, plan: null, versions: [], landings: [], proofs: [], asks: [] }
        },
        showTask: (name) => onGoal('look', 'look into task', name, () => foreign(owner.goals.showTask(name))),
        review: (name) => onGoal('look', 'look into', name, () => foreign(owner.goals.review(name))),
        report: (name) => onGoal('look', 'read the report of goal', name, () => foreign(owner.goals.report(name))),
        steer: (name, text) =>
          onGoal('steer', 'steer', name, async () => {
            // A message that is taken up again after a kill does not say it twice.
            const before = await store.db
              .selectFrom('steer')
              .select('id')
              .where('by', '=', by)
              .where('text', '=', text)
              .where('goalId', '=', (await goalOf(name)).id)
              .where('createdAt', '>=', speaker.since)
              .executeTakeFirst()
            return before ? 'planner' : owner.goals.steer(name, text, by)
          }),
        pause: (name) => onGoal('steer', 'pause goal', name, () => owner.goals.pause(name, by)),
        resume: (name) => onGoal('steer', 'resume goal', name, () => owner.goals.resume(name, by)),
        cancel: (name) => onGoal('steer', 'cancel goal', name, () => owner.goals.cancel(name, by)),
        accept: (name) => onGoal('judge', 'accept', name, () => owner.goals.accept(name, by)),
        reject: (name, comment) => onGoal('judge', 'send back', name, () => owner.goals.reject(name, comment, by)),
        take: (name) => onGoal('judge', 'take', name, () => owner.goals.take(name, by)),
        give: (name) => onGoal('judge', 'give', name, () => owner.goals.give(name, by)),
        undo: (name) => onGoal('judge', 'undo goal', name, () => owner.goals.undo(name, by)),
      },
      inbox: {
        async list() {
          await must('look', 'see the inbox')
          const asks = await owner.inbox.list()
          const seen: Ask[] = []
          for (const ask of asks) if (await maySee(ask)) seen.push(ask)
          if (seen.length > 0) speaker.onForeign()
          return seen
        },
        async get(name) {
          const ask = await owner.inbox.get(name)
          await must('look', `see ask ${name}`, await getGoal(store.db, ask.goalId))
          speaker.onForeign()
          return ask
        },
        async answer(name, answer) {
          const ask = await owner.inbox.get(name)
          const goal = await getGoal(store.db, ask.goalId)
          const why = whyNotAnswer(person, ask, goal)
          if (why !== undefined) return refuse(`answer ask ${ask.number}`, why)
          return owner.inbox.answer(ask.id, { ...answer, by })
        },
      },
      schedules: {
        preview: async (input) => {
          await must('schedule', 'keep schedules')
          return owner.schedules.preview(input)
        },
        add: async (input) => {
          await must('schedule', 'keep schedules')
          return owner.schedules.add({ ...input, idempotencyKey: input.idempotencyKey ?? `${speaker.onceKey}:s` })
        },
        list: async (filter) => {
          await must('schedule', 'see schedules')
          return owner.schedules.list(filter)
        },
        show: async (name) => {
          await must('schedule', 'see schedules')
          return owner.schedules.show(name)
        },
        pause: async (name) => {
          await must('schedule', 'pause a schedule')
          return owner.schedules.pause(name, by)
        },
        resume: async (name) => {
          await must('schedule', 'resume a schedule')
          return owner.schedules.resume(name, by)
        },
        remove: async (name) => {
          await must('schedule', 'remove a schedule')
          return owner.schedules.remove(name, by)
        },
        run: async (name) => {
          await must('schedule', 'run a schedule')
          return owner.schedules.run(name, by)
        },
      },
      events: {
        page: async (filter) => {
          await must('judge', 'read the record')
          return foreign(owner.events.page(filter))
        },
        onNew: (listener) => owner.events.onNew(listener),
      },
      async getProof(id) {
        const proof = await owner.getProof(id)
        await must('look', 'look into a proof', await getGoal(store.db, proof.goalId))
        speaker.onForeign()
        return proof
      },
      listProofs: async (limit) => {
        await must('judge', 'list proofs')
        return owner.listProofs(limit)
      },
      status: () => owner.status(),
      get memory() {
        const { memory } = owner
        return memory && whyNot(person, 'remember') === undefined ? memoryFor(memory, speaker) : undefined
      },
    }
  }
}

function memoryFor(memory: MemoryForTools, { by, onForeign }: Speaker): MemoryForTools {
  async function foreign<T>(value: Promise<T>): Promise<T> {
    const found = await value
    onForeign()
    return found
  }
  return {
    recall: (question, options) => foreign(memory.recall(question, options)),
    remember: (note) => memory.remember({ ...note, by }),
    forget: (id) => memory.forget(id, by),
    list: (filter) => foreign(memory.list(filter)),
    show: (id) => foreign(memory.show(id)),
  }
}

/** Words of the owner's own, or of the one who asks. What a hook or another person wrote is not. */
function isTrustedSource(goal: Goal, person: Person): boolean {
  const { surface } = goal.source
  if (surface === 'chat') return ownerOfGoal(goal) === person.id && chatOfGoal(goal) !== null
  return person.role === 'owner' && (surface === 'cli' || surface === 'http' || surface === 'web')
}
