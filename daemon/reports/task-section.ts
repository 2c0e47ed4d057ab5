import type { EffectRow } from '../../core/act.ts'
import { addressWords, effectStateWords } from '../../core/act-words.ts'
import type { CheckResult, Proof } from '../../core/proof.ts'
import type { Run } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import { bullets, code, line, table } from './markdown.ts'

export interface TaskFacts {
  goalNumber: number
  task: Task
  /** Oldest first, as are the proofs. */
  runs: readonly Run[]
  proofs: readonly Proof[]
  /** Of an act. */
  effects?: readonly EffectRow[]
}

/** What one task came to: state, commit, the proof that counts, how it got there, what to know about it. */
export function taskSection({ goalNumber, task, runs, proofs, effects = [] }: TaskFacts): string {
  const label = taskLabel(goalNumber, task.number)
  const own = proofs.findLast((proof) => proof.kind === 'task')
  const landing = proofs.findLast((proof) => proof.kind === 'landing')
  const deciding = task.state === 'done' ? (landing ?? own) : proofs.at(-1)
  return [
    `### ${label} ${line(task.spec.title)}: ${task.state}`,
    stateLines(task, deciding),
    actLines(task, effects),
    deciding ? proofTable(deciding, `claw proof ${label}`) : 'No check was run on it; there is no proof.',
    attemptLines(runs),
    own ? guardLines(own) : '',
    own ? reviewLines(own) : '',
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function stateLines(task: Task, deciding: Proof | undefined): string {
  const lines: string[] = []
  const commit = task.commit ?? deciding?.commit
  if (commit && task.spec.kind !== 'act') lines.push(`Commit ${code(commit.slice(0, 12))}`)
  if (task.reason && task.state !== 'done') lines.push(`Why: ${line(task.reason)}`)
  if (task.spec.kind === 'report') {
    lines.push(`Written to ${task.spec.footprint.map((path) => code(path)).join(', ')}`)
  }
  return lines.length > 0 ? bullets(lines) : ''
}

/** What an act reached and what became of each of its effects. */
function actLines({ spec: { act, credentials } }: Task, effects: readonly EffectRow[]): string {
  if (!act) return ''
  const hosts = act.hosts.map((host) => `Reached ${code(host.name)}: ${line(addressWords(host))}`)
  const secrets = credentials.map(({ secret, variable }) => `Was given ${code(secret)} as ${code(variable)}`)
  const rows = effects.map((effect) => [effectLine(effect), line(effect.spec.what, 200), effectStateWords(effect)])
  const head = rows.length > 0 ? table(['effect', 'what', 'state'], rows) : 'Nothing was begun outside.'
  return [bullets([...hosts, ...secrets]), head].filter((text) => text !== '').join('\n\n')
}

/** `service hello.service on web1` */
export function effectLine({ spec: { kind, name, host } }: EffectRow): string {
  return `${kind === 'other' ? '' : `${kind} `}${code(name)} on ${line(host ?? 'this machine')}`
}

/** What the daemon's own probes said, before the work and after it, with what was seen. */
function probeTable(proof: Proof, command: string): string {
  const head = `Proof from outside: **${proof.passed ? 'passed' : 'failed'}** (${code(command)}), by the daemon's own probes`
  const rows = proof.results.map((result) => {
    const before = proof.before?.find((other) => other.name === result.name)
    return [
      line(result.name, 120),
      line(result.command, 300),
      before ? (before.passed ? 'passed' : 'failed') : 'not looked',
      result.passed ? 'passed' : '**failed**',
      (result.durationMs / 1000).toFixed(1),
      line(result.tail, 200),
    ]
  })
  return `${head}\n\n${table(['probe', 'passes when', 'before', 'after', 'seconds', 'seen'], rows)}`
}

/** The checks as the daemon ran them on one commit. */
export function proofTable(proof: Proof, command: string): string {
  if (proof.contract.probes) return probeTable(proof, command)
  const what = proof.kind === 'landing' ? 'on the merged tree' : 'on its commit'
  const head = `Proof ${what} ${code(proof.commit.slice(0, 12))}: **${proof.passed ? 'passed' : 'failed'}** (${code(command)}, sandbox: ${line(proof.sandbox)})`
  if (proof.setup) {
    const { command, exitCode, changedFiles } = proof.setup
    const changed =
      changedFiles.length > 0 ? ` The commit changes ${changedFiles.map((path) => code(path)).join(', ')}.` : ''
    return `${head}\n\nNo check could run: the set-up of the clean checkout failed at ${code(command)} (${exitCode === null ? 'signal' : `exit ${exitCode}`}).${changed}`
  }
  if (proof.results.length === 0) return `${head}\n\nNo command was run.`
  const rows = proof.results.map((result) => [
    line(result.name, 120),
    code(result.command),
    result.kind,
    exitWords(result),
    (result.durationMs / 1000).toFixed(1),
    `${result.passed ? 'yes' : '**no**'}${flakyWords(result)}`,
  ])
  return `${head}\n\n${table(['check', 'command', 'kind', 'exit', 'seconds', 'passed'], rows)}`
}

function flakyWords({ flaky, passed }: CheckResult): string {
  if (!flaky) return ''
  return passed ? ', at the second try: known to be flaky' : ', but the second try on the same files did: flaky'
}

function exitWords({ timedOut, exitCode }: CheckResult): string {
  if (timedOut) return 'time limit'
  return exitCode === null ? 'signal' : String(exitCode)
}

/** One attempt that went well is told by the state; anything else is told. */
function attemptLines(runs: readonly Run[]): string {
  const first = runs[0]
  if (!first) return ''
  if (runs.length === 1 && first.outcome === 'done' && first.failure === null)
    return `Done by ${line(first.agent)} at the first attempt.`
  const each = runs.map((run) => {
    const why = run.failure ? `, ${run.failure} failure` : ''
    const note = run.note ? `: ${line(run.note)}` : ''
    const purpose = run.purpose === 'work' ? '' : ', to settle a conflict'
    return `${run.attempt}. ${line(run.agent)}${purpose}: ${run.outcome ?? run.state}${why}${note}`
  })
  return `Attempts:\n\n${each.slice(-20).join('\n')}`
}

function guardLines(proof: Proof): string {
  if (proof.guards.length === 0) return ''
  const found = proof.guards.map(({ guard, level, path, detail }) => {
    const where = path ? ` in ${code(path)}` : ''
    return `${guard.replaceAll('-', ' ')} (${level})${where}: ${line(detail)}`
  })
  return `Guards:\n\n${bullets(found)}`
}

function reviewLines({ review, passed }: Proof): string {
  if (!review) return passed ? 'No reviewer read it.' : ''
  const found = review.findings.map(
    ({ class: kind, path, detail }) => `**${kind}**${path ? ` ${code(path)}` : ''}: ${line(detail)}`,
  )
  const head = `Review by ${line(review.reviewer)}: ${line(review.summary, 2000)}`
  return found.length > 0 ? `${head}\n\n${bullets(found)}` : `${head} No findings.`
}
