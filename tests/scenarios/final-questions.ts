/**
 * What is asked at the end of every scenario in which the daemon was killed: is anything lost, done twice,
 * or left behind? Asks the rows, git and the process table, never the daemon itself.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createProcessTable } from '../../daemon/processes/process-table.ts'
import { carries } from '../../daemon/processes/stop-owned.ts'
import { git } from '../fakes/repositories.ts'
import { idsIn, type Scene } from './harness.ts'
import { learnedOnce } from './learned-once.ts'

/** Rows that may never change or vanish once they are there, as text. */
export interface Facts {
  proofs: Map<string, string>
  events: Map<string, string>
  answers: Map<string, string>
}

/** Taken from a dead daemon's file, to be compared with the end. */
export function factsOf(scene: Scene): Facts {
  const byId = (sql: string) => {
    try {
      return new Map(scene.rows<{ id: string | number }>(sql).map((row) => [String(row.id), JSON.stringify(row)]))
    } catch {
      return new Map<string, string>() // killed before the tables were made
    }
  }
  return {
    proofs: byId('select * from proof'),
    events: byId('select * from event'),
    answers: byId('select id, answer from ask where answer is not null'),
  }
}

export interface Expected {
  /** What the file of each task holds on the target branch, by path. */
  files: Record<string, string>
  /** Facts of the lives before: all of them must still stand. */
  facts?: readonly Facts[]
  /** Goals that have no tasks done and land nothing. */
  dropped?: readonly number[]
  /** Runs per task, 1 unless it says otherwise: a kill costs no attempt. Null where it depends. */
  runsPerTask?: number | null
  /** Beyond one prompt per run and one more per kill: the owner's words, feedback. */
  morePrompts?: number
}

/** Answers what is wrong, in words; empty when nothing was lost. */
export async function askFinalQuestions(scene: Scene, expected: Expected): Promise<string[]> {
  const dropped = expected.dropped ?? []
  return [
    ...databaseIsWhole(scene),
    ...factsStand(scene, expected.facts ?? []),
    ...goalsEnded(scene, dropped),
    ...landedOnce(scene, expected.files, dropped),
    ...provenAndImmutable(scene, dropped),
    ...outputsAreKept(scene),
    ...runsAreSingle(scene, expected, dropped),
    ...sessionsAreSingle(scene, expected.morePrompts ?? 0),
    ...answeredOnce(scene),
    ...commitsExist(scene),
    ...learnedOnce(scene),
    ...(await nothingRuns(scene)),
    ...nothingLiesAround(scene),
    ...ownerIsUntouched(scene),
  ]
}

function databaseIsWhole(scene: Scene): string[] {
  const [answer] = scene.rows<{ integrity_check: string }>('pragma integrity_check')
  const loose = scene.rows('pragma foreign_key_check')
  const jobs = scene.rows<{ name: string; key: string }>('select name, key from job')
  return [
    ...(answer?.integrity_check === 'ok' ? [] : [`the database is broken: ${answer?.integrity_check}`]),
    ...(loose.length === 0 ? [] : [`rows point nowhere: ${JSON.stringify(loose)}`]),
    ...jobs.map((job) => `the job ${job.name} ${job.key} is left`),
  ]
}

function factsStand(scene: Scene, facts: readonly Facts[]): string[] {
  const now = factsOf(scene)
  return facts.flatMap((before, life) =>
    (['proofs', 'events', 'answers'] as const).flatMap((kind) =>
      [...before[kind]].flatMap(([id, row]) =>
        now[kind].get(id) === row ? [] : [`${kind} ${id} of life ${life + 1} has changed or is gone`],
      ),
    ),
  )
}

function goalsEnded(scene: Scene, dropped: readonly number[]): string[] {
  const goals = scene.rows<{ number: number; state: string; outcome: string; reportFile: string | null }>(
    'select number, state, outcome, reportFile from goal',
  )
  const met = scene.rows<{ goalId: string; n: number }>(
    `select goalId, count(*) as n from event where type in ('goal.met', 'goal.dropped') group by goalId having n > 1`,
  )
  return [
    ...goals.flatMap(({ number, state, outcome, reportFile }) => {
      const wanted = dropped.includes(number) ? 'dropped' : 'met'
      if (state !== wanted) return [`goal #${number} is ${state}, not ${wanted}: ${outcome}`]
      if (reportFile === null || readFileSync(reportFile, 'utf8') === '') return [`goal #${number} has no report`]
      return []
    }),
    ...met.map(({ goalId, n }) => `goal ${goalId} ended ${n} times`),
  ]
}

function landedOnce(scene: Scene, files: Record<string, string>, dropped: readonly number[]): string[] {
  const wrong: string[] = []
  const log = git(
    scene.repository,
    'log',
    '--format=%H%x1f%P%x1f%(trailers:key=Claw-Task,valueonly,separator=%x2C)',
    'main',
  )
  const commits = log.split('\n').map((line) => {
    const [commit = '', parents = '', task = ''] = line.split('\x1f')
    return { commit, task, isMerge: parents.includes(' ') }
  })
  for (const { commit, task, isMerge } of commits) {
    const brings = readOr(() => git(scene.repository, 'diff', '--name-only', `${commit}^1`, commit))
    if (isMerge && brings === '') wrong.push(`merging task ${task} again brought nothing (${commit})`)
  }
  const tasks = scene.rows<{ label: string; number: number; state: string }>(
    `select goal.number || '.' || task.number as label, goal.number, task.state from task join goal on goal.id = task.goalId`,
  )
  for (const { label, number, state } of tasks) {
    const work = commits.filter(({ task, isMerge }) => task === label && !isMerge).length
    const merges = commits.filter(({ task, isMerge }) => task === label && isMerge).length
    if (dropped.includes(number)) {
      if (work > 0) wrong.push(`task ${label} of a dropped goal landed`)
      continue
    }
    if (state !== 'done') wrong.push(`task ${label} is ${state}`)
    if (work !== 1) wrong.push(`the work of task ${label} is on main ${work} times`)
    if (merges > 1) wrong.push(`task ${label} was merged ${merges} times`)
  }
  for (const [path, content] of Object.entries(files)) {
    const found = readOr(() => git(scene.repository, 'show', `main:${path}`))
    if (found !== content.trimEnd()) wrong.push(`${path} on main is ${JSON.stringify(found)}`)
  }
  const landings = scene.rows<{ goalId: string; taskId: string | null; n: number }>(
    `select goalId, taskId, count(*) as n from landing where state = 'landed' group by goalId, taskId having n > 1`,
  )
  for (const { goalId, taskId, n } of landings) wrong.push(`${taskId ?? goalId} landed ${n} times`)
  const refused = scene.rows<{ id: string; state: string; note: string }>(
    `select id, state, note from landing where state = 'blocked'`,
  )
  for (const { id, note } of refused) wrong.push(`landing ${id} was begun anew: ${note}`)
  const unfinished = scene.rows<{ id: string; state: string }>(`select id, state from landing where endedAt is null`)
  for (const { id, state } of unfinished) wrong.push(`landing ${id} was never ended, it is ${state}`)
  return wrong
}

function provenAndImmutable(scene: Scene, dropped: readonly number[]): string[] {
  const wrong: string[] = []
  const tasks = scene.rows<{ id: string; commit: string; number: number; label: string }>(
    `select task.id, task."commit", goal.number, goal.number || '.' || task.number as label
     from task join goal on goal.id = task.goalId`,
  )
  for (const { id, commit, number, label } of tasks) {
    if (dropped.includes(number)) continue
    const proofs = scene.rows<{ id: string; kind: string; commit: string; passed: number }>(
      'select id, kind, "commit", passed from proof where taskId = ?',
      id,
    )
    const ofTask = proofs.filter((proof) => proof.kind === 'task' && proof.commit === commit && proof.passed === 1)
    const ofLanding = proofs.filter((proof) => proof.kind === 'landing' && proof.passed === 1)
    if (ofTask.length !== 1) wrong.push(`task ${label} has ${ofTask.length} proofs of its commit`)
    if (ofLanding.length !== 1) wrong.push(`task ${label} has ${ofLanding.length} landing proofs`)
    const landed = scene.rows<{ proofId: string; merged: string }>(
      `select proofId, merged from landing where taskId = ? and state = 'landed'`,
      id,
    )
    for (const { proofId, merged } of landed) {
      if (!ofLanding.some((proof) => proof.id === proofId && proof.commit === merged))
        wrong.push(`task ${label} landed ${merged}, which its proof is not about`)
    }
  }
  if (scene.rows('select id from proof').length > 0) {
    const database = new DatabaseSync(scene.paths.databaseFile)
    try {
      database.exec('begin; update proof set passed = 1 - passed; rollback')
      wrong.push('a proof could be changed')
    } catch {
      // As it should be.
    } finally {
      database.close()
    }
  }
  return wrong
}

function runsAreSingle(scene: Scene, { runsPerTask = 1 }: Expected, dropped: readonly number[]): string[] {
  const runs = scene.rows<{ label: string; number: number; n: number; states: string }>(
    `select goal.number || '.' || task.number as label, goal.number, count(*) as n,
            group_concat(run.state || ' ' || coalesce(run.outcome, '') || ' ' || coalesce(run.note, '')) as states
     from run join task on task.id = run.taskId join goal on goal.id = task.goalId group by task.id`,
  )
  const open = scene.rows<{ id: string }>(`select id from run where state <> 'ended'`)
  return [
    ...runs
      .filter(({ n, number }) => runsPerTask !== null && n !== runsPerTask && !dropped.includes(number))
      .map(({ label, n, states }) => `task ${label} took ${n} runs: ${states}`),
    ...open.map(({ id }) => `${id} is still open`),
  ]
}

/** A run that was killed goes on in its session: it never works in a second one, and is prompted once more per kill at most. */
function sessionsAreSingle(scene: Scene, morePrompts: number): string[] {
  const prompts = scene.journal().filter(({ method }) => method === 'session/prompt')
  const byRun = Map.groupBy(prompts, ({ run }) => run)
  const opened = scene.rows<{ runId: string; n: number }>(
    `select runId, count(distinct json_extract(data, '$.sessionId')) as n from event
     where type = 'run.sessionOpened' group by runId having n > 1`,
  )
  const second = opened.map(({ runId, n }) => `${runId} opened ${n} sessions`)
  return second.concat(
    [...byRun].flatMap(([run, list]) => {
      const sessions = new Set(list.map(({ sessionId }) => sessionId))
      const max = 1 + scene.kills() + morePrompts
      return [
        ...(sessions.size > 1 ? [`${run} worked in ${sessions.size} sessions`] : []),
        ...(list.length > max ? [`${run} was prompted ${list.length} times, with ${scene.kills()} kills`] : []),
      ]
    }),
  )
}

function answeredOnce(scene: Scene): string[] {
  const open = scene.rows<{ number: number; question: string }>(`select number, question from ask where state = 'open'`)
  const twice = scene.rows<{ number: number; n: number }>(
    `select json_extract(data, '$.number') as number, count(*) as n from event where type = 'ask.answered'
     group by number having n > 1`,
  )
  return [
    ...open.map(({ number, question }) => `ask ${number} is open: ${question}`),
    ...twice.map(({ number, n }) => `ask ${number} was answered ${n} times`),
  ]
}

/** Every commit that a row names is in Claw's clone, and held by a ref. */
function commitsExist(scene: Scene): string[] {
  const wrong: string[] = []
  for (const { id, gitDir } of scene.rows<{ id: string; gitDir: string }>('select id, gitDir from repository')) {
    const of = `select id from goal where repositoryId = '${id}'`
    const named = new Map<string, string>()
    const add = (sql: string) => {
      for (const row of scene.rows<{ what: string; commit: string | null }>(sql)) {
        if (row.commit !== null) named.set(row.commit, row.what)
      }
    }
    add(`select number as what, baseCommit as "commit" from goal where repositoryId = '${id}'`)
    add(`select id as what, baseCommit as "commit" from plan where goalId in (${of})`)
    for (const column of ['baseCommit', '"commit"'])
      add(`select id as what, ${column} as "commit" from task where goalId in (${of})`)
    add(`select id as what, "commit" from run where goalId in (${of})`)
    for (const column of ['base', '"commit"', 'tree'])
      add(`select id as what, ${column} as "commit" from proof where goalId in (${of})`)
    for (const column of ['onto', '"commit"', 'merged'])
      add(`select id as what, ${column} as "commit" from landing where goalId in (${of})`)
    const held = new Set(git(gitDir, 'rev-list', '--all').split('\n'))
    for (const [object, what] of named) {
      const type = readOr(() => git(gitDir, 'cat-file', '-t', object))
      if (type === undefined) wrong.push(`${what} names ${object}, which is not there`)
      if (type === 'commit' && !held.has(object)) wrong.push(`${what} names ${object}, which no ref holds`)
    }
    const broken = readOr(() => git(gitDir, 'fsck', '--no-dangling', '--connectivity-only'))
    if (broken !== '') wrong.push(`git fsck of the clone: ${broken ?? 'failed'}`)
  }
  return wrong
}

async function nothingRuns(scene: Scene): Promise<string[]> {
  const ids = idsIn(scene)
  const living = await createProcessTable().list()
  const left = living.filter((entry) => ids.some((id) => carries(entry, id)))
  const others = living.filter(({ pid }) => {
    const words = readOr(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
    return words.includes(scene.dir) && !left.some((entry) => entry.pid === pid)
  })
  return [...left, ...others].map(
    (entry) => `${entry.name} (${entry.pid}) is still alive for ${entry.runId ?? 'the daemon'}`,
  )
}

/** The whole output of every check that a proof names is there, under its digest. */
function outputsAreKept(scene: Scene): string[] {
  const kept = (readOr(() => readdirSync(scene.paths.outputsDir)) ?? []).map((name) => name.split('.')[0])
  const named = scene.rows<{ id: string; digest: string }>(
    `select proof.id, json_extract(value, '$.outputDigest') as digest from proof, json_each(proof.results)`,
  )
  return named.filter(({ digest }) => !kept.includes(digest)).map(({ id }) => `an output of ${id} is gone`)
}

function nothingLiesAround(scene: Scene): string[] {
  const { worktreesDir, verifyDir, repositoriesDir } = scene.paths
  const list = (dir: string) => (readOr(() => readdirSync(dir)) ?? []).map((name) => join(dir, name))
  const left = [...list(worktreesDir), ...list(verifyDir)]
  left.push(...list(scene.paths.outputsDir).filter((path) => path.endsWith('.part')))
  for (const repository of list(repositoriesDir)) {
    left.push(...list(join(repository, 'worktrees')), ...list(join(repository, 'claw', 'worktrees')))
    if (repository.includes('.making-') || repository.includes('.broken-')) left.push(repository)
    left.push(
      ...readdirSync(repository, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith('.lock')),
    )
  }
  return left.map((path) => `${path} lies around`)
}

function ownerIsUntouched(scene: Scene): string[] {
  const status = git(scene.repository, 'status', '--porcelain')
  const refs = git(scene.repository, 'for-each-ref', '--format=%(refname)').split('\n')
  const locks = readdirSync(join(scene.repository, '.git'), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.lock'))
  const broken = readOr(() => git(scene.repository, 'fsck', '--no-dangling'))
  return [
    ...(status === '' ? [] : [`the owner's checkout is not clean: ${status}`]),
    ...refs.filter((ref) => ref !== 'refs/heads/main').map((ref) => `the owner has ${ref} now`),
    ...locks.map((name) => `the owner has ${name}`),
    ...(broken === '' ? [] : [`git fsck of the owner's repository: ${broken ?? 'failed'}`]),
  ]
}

function readOr<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
