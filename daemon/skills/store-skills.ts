import { createHash } from 'node:crypto'
import type { Ask } from '../../core/ask.ts'
import { Fault, nearest } from '../../core/fault.ts'
import type { RepositoryId } from '../../core/repository.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import { addEvent, findAsk, getRepository, updateAsk } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import { type Found, findInFolder, findInRepository } from './find-skills.ts'
import type { Skill, Skills, SkillView } from './skills.ts'

export interface StoreSkillsDeps {
  store: Store
  world: World
  desk: Pick<RepositoryDesk, 'get'>
  /** The owner's own. */
  folder: string
}

/** Repositories whose skills are kept in memory, each at the commit that was last asked for. */
const KEPT_MAX = 8
const LISTED_REPOSITORIES_MAX = 50
const SHOWN_CHARS_MAX = 3_000

/** Skills over the folders, with the owner's word in the rows. */
export function createStoreSkills({ store, world, desk, folder }: StoreSkillsDeps): Skills {
  const kept = new Map<string, Found[]>()

  async function inRepository(id: RepositoryId, commit: string): Promise<Found[]> {
    const key = `${id} ${commit}`
    const before = kept.get(key)
    if (before) return before
    const found = await findInRepository(await desk.get(id), commit)
    for (const [oldest] of kept) if (kept.size >= KEPT_MAX) kept.delete(oldest)
    kept.set(key, found)
    return found
  }

  const consents = async (repository: string) =>
    store.db.selectFrom('skillConsent').selectAll().where('repository', '=', repository).execute()

  async function consent(skill: Skill, repository: string, isAllowed: boolean, by: string): Promise<void> {
    const at = world.clock.now()
    const row = { digest: keyOf(skill, repository), name: skill.name, repository, isAllowed: isAllowed ? 1 : 0, by, at }
    await store.transaction(async (tx) => {
      await tx
        .insertInto('skillConsent')
        .values(row)
        .onConflict((found) => found.column('digest').doUpdateSet(row))
        .execute()
      if (isAllowed) await addEvent(tx, at, { type: 'skill.agreed', data: { name: skill.name, repository, by } })
    })
  }

  /** The answers that the owner gave in the inbox become consents. */
  async function takeAnswer(
    fingerprint: string,
    skills: readonly Skill[],
    repository: string,
  ): Promise<Ask | undefined> {
    const row = await store.db
      .selectFrom('ask')
      .select('id')
      .where('fingerprint', '=', fingerprint)
      .where('state', '<>', 'moot')
      .executeTakeFirst()
    const ask = row && (await findAsk(store.db, { id: row.id }))
    if (ask?.state !== 'answered') return ask
    for (const skill of skills) {
      await consent(skill, repository, ask.answer?.choice === 'allow', ask.answer?.by ?? 'owner')
    }
    if (ask.settledAt === null) await store.transaction((tx) => updateAsk(tx, ask.id, { settledAt: world.clock.now() }))
    return ask
  }

  async function viewsOf(found: readonly Found[], repository: string | null): Promise<SkillView[]> {
    const known = repository === null ? [] : await consents(repository)
    return found.map((one) => {
      if ('broken' in one) {
        const name = one.folder.split('/').at(-1)!
        const from = repository === null ? ('owner' as const) : ('repository' as const)
        return {
          name,
          description: '',
          from,
          repository,
          folder: one.folder,
          files: 0,
          state: 'broken',
          words: one.broken,
        }
      }
      const { name, description, from, folder, files } = one.skill
      return {
        name,
        description,
        from,
        repository,
        folder,
        files: files.length,
        state: repository === null ? 'on' : stateOf(one.skill, repository, known),
        words: null,
      }
    })
  }

  async function repositories(repo: string | null) {
    const rows = await store.db.selectFrom('repository').selectAll().orderBy('createdAt', 'desc').execute()
    const wanted = rows.filter((row) => repo === null || row.path === repo || row.url === repo)
    if (repo !== null && wanted.length === 0) {
      throw new Fault('repository_not_found', `Claw does not know the repository ${repo}`, {
        hint: 'It does once a goal was added for it.',
      })
    }
    return wanted.slice(0, LISTED_REPOSITORIES_MAX)
  }

  /** As they are at the branch that the owner has checked out. */
  async function ownerSkills(id: RepositoryId): Promise<Found[]> {
    const repository = await desk.get(id)
    await repository.fetch()
    const head = await repository.ownerHead()
    return head === undefined ? [] : inRepository(id, await repository.ownerBranch(head))
  }

  return {
    async usable(goal, commit) {
      const own = await findInFolder(folder)
      const row = await getRepository(store.db, goal.repositoryId)
      const repository = row.path ?? row.url ?? row.id
      const theirs = skillsOf(await inRepository(goal.repositoryId, commit))
      let known = await consents(repository)
      const waiting = () => theirs.filter((skill) => ['new', 'changed'].includes(stateOf(skill, repository, known)))
      if (waiting().length > 0) {
        const asked = waiting()
        const fingerprint = fingerprintOf(asked, repository)
        const ask = await takeAnswer(fingerprint, asked, repository)
        if (ask === undefined) await askOwner(goal, asked, repository, fingerprint, known)
        known = await consents(repository)
      }
      const allowed = theirs.filter((skill) => stateOf(skill, repository, known) === 'on')
      // Of one name the owner's own counts.
      const byName = new Map([...allowed, ...skillsOf(own)].map((skill) => [skill.name, skill]))
      return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    async list({ repo }) {
      const views = repo === null ? await viewsOf(await findInFolder(folder), null) : []
      for (const row of await repositories(repo)) {
        const found = await ownerSkills(row.id as RepositoryId).catch((err) => {
          world.log.warn({ err, repository: row.path }, 'skills cannot be read')
          return []
        })
        views.push(...(await viewsOf(found, row.path ?? row.url ?? row.id)))
      }
      return views
    },
    async agree({ name, repo, isAllowed, by }) {
      const names: string[] = []
      for (const row of await repositories(repo)) {
        const repository = row.path ?? row.url ?? row.id
        const found = await ownerSkills(row.id as RepositoryId)
        names.push(...skillsOf(found).map((skill) => skill.name))
        const skill = skillsOf(found).find((other) => other.name === name)
        if (!skill) continue
        await consent(skill, repository, isAllowed, by)
        return (await viewsOf([{ folder: skill.folder, skill }], repository))[0]!
      }
      const near = nearest(name, names)
      throw new Fault(
        'skill_not_found',
        `No repository has a skill ${name}`,
        near ? { hint: `Did you mean ${near}?` } : {},
      )
    },
  }

  async function askOwner(
    goal: Parameters<Skills['usable']>[0],
    skills: readonly Skill[],
    repository: string,
    fingerprint: string,
    known: readonly { name: string }[],
  ): Promise<void> {
    const isChange = skills.some((skill) => known.some((consent) => consent.name === skill.name))
    const one = skills.length === 1 ? `the skill ${skills[0]!.name}` : `${skills.length} skills`
    const detail = skills.map((skill) => {
      const words = skill.files.find(({ path }) => path === 'SKILL.md')!.text
      const room = Math.floor(SHOWN_CHARS_MAX / skills.length)
      return `**${skill.name}** (${skill.folder}, ${skill.files.length} files)\n\n\`\`\`\`markdown\n${words.slice(0, room)}\n\`\`\`\``
    })
    await store.transaction((tx) =>
      openAsk(tx, world.clock.now(), {
        kind: 'permission',
        goalId: goal.id,
        taskId: null,
        fingerprint,
        question: `${repository} has ${one} that ${isChange ? 'changed' : 'you have not seen'}. May agents use ${skills.length === 1 ? 'it' : 'them'}?`,
        detail: `Goal #${goal.number} goes on without until you answer.\n\n${detail.join('\n\n')}`,
        choices: [
          { id: 'allow', label: 'Use as it is now' },
          { id: 'reject', label: 'Do not use' },
        ],
        freeText: false,
      }),
    )
  }
}

function skillsOf(found: readonly Found[]): Skill[] {
  return found.flatMap((one) => ('skill' in one ? [one.skill] : []))
}

/** The same words in another repository are another matter. */
function keyOf(skill: Skill, repository: string): string {
  return createHash('sha256')
    .update(JSON.stringify([repository, skill.name, skill.digest]))
    .digest('hex')
}

function fingerprintOf(skills: readonly Skill[], repository: string): string {
  const keys = skills.map((skill) => keyOf(skill, repository)).sort()
  return createHash('sha256')
    .update(JSON.stringify(['skills', ...keys]))
    .digest('hex')
}

function stateOf(
  skill: Skill,
  repository: string,
  known: readonly { digest: string; name: string; isAllowed: number }[],
): 'on' | 'new' | 'changed' | 'refused' {
  const key = keyOf(skill, repository)
  const exact = known.find(({ digest }) => digest === key)
  if (exact) return exact.isAllowed === 1 ? 'on' : 'refused'
  return known.some(({ name }) => name === skill.name) ? 'changed' : 'new'
}
