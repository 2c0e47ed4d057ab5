/**
 * Gives a run the secrets that its task names, if the owner agreed.
 *
 * The plan names, the owner agrees, the daemon looks up: no text that an agent or a brain wrote is enough
 * to be given a secret. The owner is asked once per goal, or once for a repository; a refusal is remembered
 * too, and the run goes on without.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { PlannedCredential } from '../../core/credential.ts'
import { isFault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Run } from '../../core/run.ts'
import { isReference } from '../../core/secret-reference.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { writeHomeFiles } from '../agents/private-home.ts'
import { openAsk } from '../inbox/ask.ts'
import type { StoreInbox } from '../inbox/store-inbox.ts'
import { addConsent, findConsent } from '../store/consent-rows.ts'
import { addEvent, getRun, listAsks, moveRun, updateAsk } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Secrets } from './secrets.ts'

export interface CredentialsDeps {
  store: Store
  world: World
  inbox: StoreInbox
  secrets: Secrets
  /** The owner's names for secrets: `deploy` → `env:DEPLOY_TOKEN`. */
  named: Readonly<Record<string, string>>
  /** Why a reference must be given to nobody: a provider's key, what belongs to Claw. Undefined: it may. */
  forbidden(reference: string): string | undefined
}

export interface GivenCredential {
  reference: string
  variable: string
  as: PlannedCredential['as']
  value: string
}

export interface Credentials {
  given: GivenCredential[]
  /** One sentence for each that is not given: which and why. */
  missing: string[]
}

/** Where in a private HOME files with credentials lie, while the run lasts. */
const FOLDER = '.claw/credentials'

export function createCredentials(deps: CredentialsDeps) {
  const { store, world, inbox } = deps

  /** Waits for the owner's word as long as it takes. Throws secret_missing where what was agreed to is not there. */
  async function forRun(of: { run: Run; task: Task; goal: Goal }, signal: AbortSignal): Promise<Credentials> {
    const given: GivenCredential[] = []
    const missing: string[] = []
    for (const { secret, variable, as } of of.task.spec.credentials) {
      const reference = deps.named[secret] ?? secret
      const why = isReference(reference)
        ? deps.forbidden(reference)
        : 'it is neither a name nor a reference of a secret'
      if (why !== undefined) missing.push(`${variable} (${secret}) is not given: ${why}.`)
      else if ((await agreed(of, { secret, reference, variable }, signal)) === 'refused')
        missing.push(`${variable} (${secret}) is not given: the owner refused it.`)
      else given.push({ reference, variable, as, value: await deps.secrets.resolve(reference) })
    }
    return { given, missing }
  }

  async function agreed(
    { run, task, goal }: { run: Run; task: Task; goal: Goal },
    { secret, reference, variable }: { secret: string; reference: string; variable: string },
    signal: AbortSignal,
  ): Promise<'given' | 'refused'> {
    const before = await findConsent(store.db, reference, goal)
    if (before) return before.verdict
    // An act only runs once the owner agreed to all that it does and is given, shown together.
    if (task.spec.act) {
      const consent = { subject: reference, verdict: 'given', by: 'act-approval', goalId: goal.id } as const
      await store.transaction((tx) => addConsent(tx, world.clock.now(), consent))
      return 'given'
    }
    const fingerprint = `credential ${reference}`
    const label = taskLabel(goal.number, task.number)
    const ask = await store.transaction(async (tx) => {
      const now = world.clock.now()
      if ((await getRun(tx, run.id)).state !== 'waiting') await moveRun(tx, run.id, 'waiting')
      // Asked before a crash, or by another task of this goal: one question is enough.
      const open = (await listAsks(tx, { goalId: goal.id })).findLast(
        (other) => other.fingerprint === fingerprint && other.state !== 'moot' && other.settledAt === null,
      )
      if (open) return open
      return openAsk(tx, now, {
        kind: 'credential',
        goalId: goal.id,
        taskId: task.id,
        fingerprint,
        question: `Task ${label} wants the secret ${secret}. May its agent have it?`,
        detail: [
          `- From: \`${reference}\``,
          `- Given as: \`$${variable}\` to ${run.agent}, in its sandbox, while the run lasts`,
          `- For: ${task.spec.title}`,
        ].join('\n'),
        choices: [
          { id: 'goal', label: 'Yes, for this goal' },
          { id: 'repository', label: 'Yes, for every goal in this repository' },
          { id: 'no', label: 'No; it goes on without' },
        ],
        freeText: false,
      })
    })
    const { answer } = await inbox.settled(ask.id, signal)
    const verdict = answer && answer.choice !== 'no' ? 'given' : 'refused'
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      // Another task that waited for the same answer may have written it down.
      if (await findConsent(tx, reference, goal)) return
      const by = answer?.by ?? 'nobody'
      const where = answer?.choice === 'repository' ? { repositoryId: goal.repositoryId } : { goalId: goal.id }
      await addConsent(tx, now, { subject: reference, verdict, by, ...where })
      await updateAsk(tx, ask.id, { settledAt: now })
      await addEvent(tx, now, {
        type: 'credential.decided',
        goalId: goal.id,
        taskId: task.id,
        runId: run.id,
        data: { label, reference, verdict, by, scope: answer?.choice === 'repository' ? 'repository' : 'goal' },
      })
    })
    return verdict
  }

  return { forRun }
}

/** Puts what was given into the run's environment and private HOME. Gone with the disposal, files too. */
export function handOver({ given }: Credentials, home: string): { env: Record<string, string> } & Disposable {
  const takeBack = () => rmSync(join(home, FOLDER), { recursive: true, force: true })
  // What a crash left.
  takeBack()
  const files = given.filter(({ as }) => as === 'file')
  // Keys of ssh want their last line to end.
  writeHomeFiles(home, Object.fromEntries(files.map(({ variable, value }) => [`${FOLDER}/${variable}`, `${value}\n`])))
  const env = given.map(({ variable, as, value }) => [variable, as === 'file' ? join(home, FOLDER, variable) : value])
  return { env: Object.fromEntries(env), [Symbol.dispose]: takeBack }
}

/** What the agent is told of them: where they are, never what they are. */
export function inWords({ given, missing }: Credentials): string {
  if (given.length + missing.length === 0) return ''
  const lines = given.map(({ variable, as }) =>
    as === 'file' ? `- \`$${variable}\` is the path of a file that holds it` : `- \`$${variable}\` holds it`,
  )
  return [
    '## Credentials',
    '',
    'Given to you for this task alone. Use them from the environment; never print them, and write them into no file.',
    '',
    ...lines,
    ...missing.map((words) => `- ${words}`),
  ].join('\n')
}

/** Reads again what runs were given before the daemon was started: it must stay out of every text. */
export async function readAgain(secrets: Pick<Secrets, 'resolve'>, references: readonly string[]): Promise<void> {
  for (const reference of references) {
    await secrets.resolve(reference).catch((error) => {
      if (!isFault(error)) throw error
    })
  }
}
