/**
 * Loaded into the real daemon with `node --import`: counts the moments at which something outside the
 * process's memory changes, and ends the process with SIGKILL at the one it was told.
 *
 *   KILL_AT=17      dies at the 17th moment (from 1); without it nobody dies
 *   KILL_LOG=file   every moment's name, one line each, written before anything happens at it
 *
 * A moment is: before and after each commit of the database; before and after each program that changes
 * something is started, and when it has ended; before a file or folder is renamed, linked or removed (after it is the
 * same as before whatever comes next).
 * Programs that only read (`git rev-parse` …) are no moments: dying there is dying after the change before.
 * Verification makes, resets and throws away its checkout many times over; only the first time of each step is one.
 */
import childProcess from 'node:child_process'
import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { DatabaseSync, StatementSync } from 'node:sqlite'

const killAt = Number(process.env['KILL_AT'] ?? 0)
const log = process.env['KILL_LOG'] ? fs.openSync(process.env['KILL_LOG'], 'a') : undefined
let count = 0

const seen = new Set<string>()

function moment(name: string, where = ''): void {
  if (/\/verify\/|\/checkout-[0-9a-f]{12}/.test(where)) {
    if (seen.has(name)) return
    seen.add(name)
  }
  count++
  if (log !== undefined) fs.writeSync(log, `${name}\n`)
  if (count === killAt) process.kill(process.pid, 'SIGKILL')
}

// ---- the database ------------------------------------------------------------------------

const texts = new WeakMap<StatementSync, string>()
const prepare = DatabaseSync.prototype.prepare
DatabaseSync.prototype.prepare = function (...args) {
  const statement = prepare.apply(this, args)
  texts.set(statement, args[0])
  return statement
}

let inTransaction = false
const run = StatementSync.prototype.run
StatementSync.prototype.run = function (this: StatementSync, ...args: Parameters<typeof run>) {
  const sql = (texts.get(this) ?? '').trim().toLowerCase()
  if (sql.startsWith('begin')) inTransaction = true
  const commits = sql.startsWith('commit') || (!inTransaction && /^(insert|update|delete)/.test(sql))
  const name = sql.startsWith('commit') ? 'commit' : `commit ${sql.split(/\s+/).slice(0, 3).join(' ')}`
  if (commits) moment(`before ${name}`)
  const result = run.apply(this, args)
  if (sql.startsWith('commit') || sql.startsWith('rollback')) inTransaction = false
  if (commits) moment(`after ${name}`)
  return result
} as typeof run

const exec = DatabaseSync.prototype.exec
DatabaseSync.prototype.exec = function (sql) {
  const commits = /^\s*(commit|create)/i.test(sql)
  if (commits) moment('before commit of a migration')
  exec.call(this, sql)
  if (commits) moment('after commit of a migration')
}

// ---- programs ----------------------------------------------------------------------------

/** git's subcommands that write nothing anybody reads later. */
const READS = new Set([
  'rev-parse',
  'for-each-ref',
  'merge-base',
  'cat-file',
  'ls-tree',
  'ls-files',
  'diff',
  'diff-tree',
  'log',
  'status',
  'config',
  'version',
  '--version',
  'symbolic-ref',
  'check-ref-format',
])

/** What a command is, in a few words; undefined where it only reads. */
function nameOf(program: string, args: readonly string[]): string | undefined {
  if (program !== 'git')
    return [program.split('/').at(-1), ...args.slice(2, 5).map((arg) => arg.split('/').at(-1))].join(' ').slice(0, 80)
  const words = args.filter((arg) => !arg.startsWith('--git-dir=') && !arg.startsWith('--work-tree='))
  const verb = words.find((word) => !word.startsWith('-')) ?? words[0] ?? ''
  if (READS.has(verb)) return undefined
  const target = words.find((word) => word.startsWith('refs/'))
  return `git ${verb}${target ? ` ${target}` : ''}`
}

const spawn = childProcess.spawn as (...args: unknown[]) => childProcess.ChildProcess
childProcess.spawn = ((...all: unknown[]) => {
  const name = nameOf(String(all[0]), Array.isArray(all[1]) ? all[1] : [])
  const where = String((all[2] as { cwd?: unknown } | undefined)?.cwd ?? '')
  if (name === undefined) return spawn(...all)
  moment(`before start of ${name}`, where)
  const child = spawn(...all)
  // Before anybody who waits for its end.
  child.prependOnceListener('exit', () => moment(`after end of ${name}`, where))
  moment(`after start of ${name}`, where)
  return child
}) as typeof childProcess.spawn

// ---- files -------------------------------------------------------------------------------

const lastOf = (path: unknown) =>
  String(path)
    .split('/')
    .at(-1)!
    .replace(/[0-9a-f]{8}-[0-9a-f-]{20,}|[0-9a-f]{6,}/g, '…')

for (const verb of ['rename', 'link', 'rm'] as const) {
  const original = fsPromises[verb] as (...args: unknown[]) => Promise<void>
  const sync = fs[`${verb}Sync`] as (...args: unknown[]) => void
  Object.assign(fsPromises, {
    async [verb](...args: unknown[]) {
      // Most removals find nothing there; those change nothing.
      if (verb === 'rm' && !fs.existsSync(String(args[0]))) return original(...args)
      moment(`before ${verb} ${lastOf(args[0])}`, String(args[0]))
      await original(...args)
    },
  })
  Object.assign(fs, {
    [`${verb}Sync`](...args: unknown[]) {
      if (verb === 'rm' && !fs.existsSync(String(args[0]))) return sync(...args)
      moment(`before ${verb} ${lastOf(args[0])}`, String(args[0]))
      sync(...args)
    },
  })
}
syncBuiltinESMExports()
