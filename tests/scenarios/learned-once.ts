import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readNote } from '../../memory/note.ts'
import { idOfPath } from '../../memory/notes/notes-folder.ts'
import { git } from '../fakes/repositories.ts'
import type { Scene } from './harness.ts'

interface Counts {
  seen?: string[]
  results?: { tasks: number; runs: number }[]
  checks?: { passes: number; failures: number }[]
  changes?: { commit: string }[]
}

/**
 * Whether what the goals taught is in the notes, once: read from the files and put beside the rows, never asked
 * of the memory itself.
 */
export function learnedOnce(scene: Scene): string[] {
  const { notesDir } = scene.paths
  const paths = existsSync(notesDir) ? globSync('**/*.md', { cwd: notesDir }) : []
  const notes = paths.map((path) => readNote(readFileSync(join(notesDir, path), 'utf8'), path, idOfPath(path)))
  const wrong = notes.flatMap(({ note, problem }) => (problem ? [`the note ${note.path} is broken: ${problem}`] : []))
  const about = (subject: string, attribute: string) =>
    notes.filter(({ note }) => note.subject === subject && note.attribute === attribute).map(({ note }) => note)

  const goals = scene.rows<{ id: string; number: number }>('select id, number from goal')
  for (const { id, number } of goals) {
    const episodes = about(`goal ${id}`, 'episode').length
    if (episodes !== 1) wrong.push(`goal #${number} is told in ${episodes} episodes`)
    const lessons = about(`goal ${id}`, 'lessons').length
    if (lessons > 1) wrong.push(`what goal #${number} taught is written down ${lessons} times`)
  }

  const counted = (subject: string): Counts => {
    const [note, ...others] = about(subject, 'counted')
    if (others.length > 0) wrong.push(`"${subject}" is counted in ${others.length + 1} notes`)
    const counts = (note?.data ?? {}) as Counts
    const seen = counts.seen ?? []
    if (new Set(seen).size !== seen.length) wrong.push(`a goal was counted twice for "${subject}"`)
    return counts
  }
  const compare = (what: string, found: number, wanted: number) => {
    if (found !== wanted) wrong.push(`${found} ${what} were counted of ${wanted}`)
  }
  const sum = <T>(rows: readonly T[] | undefined, of: (row: T) => number) =>
    (rows ?? []).reduce((all, row) => all + of(row), 0)

  const telling = `agent <> 'owner' and (outcome = 'done' or failure = 'work')`
  const [runs] = scene.rows<{ tasks: number; runs: number }>(
    `select count(distinct taskId || ' ' || agent) as tasks, count(*) as runs from run where ${telling}`,
  )
  const agents = counted('agents')
  compare(
    'tasks of agents',
    sum(agents.results, ({ tasks }) => tasks),
    runs!.tasks,
  )
  compare(
    'runs of agents',
    sum(agents.results, ({ runs }) => runs),
    runs!.runs,
  )

  const [results] = scene.rows<{ n: number }>(
    `select coalesce(sum(1 + coalesce(json_extract(value, '$.flaky') is not null, 0)), 0) as n
     from proof, json_each(proof.results)
     where not json_extract(value, '$.timedOut') and coalesce(json_extract(value, '$.exitCode'), 0) not in (126, 127)`,
  )
  compare(
    'results of checks',
    sum(counted('checks').checks, ({ passes, failures }) => passes + failures),
    results!.n,
  )

  const commits = (counted('co-change').changes ?? []).map(({ commit }) => commit)
  if (new Set(commits).size !== commits.length) wrong.push('a change was counted twice')
  counted('conventions')

  const uncommitted = paths.length > 0 ? git(notesDir, 'status', '--porcelain') : ''
  if (uncommitted !== '') wrong.push(`notes are not in their history: ${uncommitted}`)
  return wrong
}
