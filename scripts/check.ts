/**
 * Everything that has to be green before a commit: format, lint, types, tests, import directions and docs
 * (the last two are tests). Runs all of it, says what failed.
 */
import { spawnSync } from 'node:child_process'

const STEPS: [name: string, command: string, ...args: string[]][] = [
  ['format and lint', 'biome', 'ci', '--error-on-warnings', '.'],
  ['types', 'tsc'],
  ['tests, import directions, docs', 'vitest', 'run'],
]

const failed: string[] = []
for (const [name, command, ...args] of STEPS) {
  console.error(`\n— ${name}: ${command} ${args.join(' ')}`)
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (error) console.error(error.message)
  if (status !== 0) failed.push(name)
}
console.error(failed.length === 0 ? '\nAll is well.' : `\nNot yet: ${failed.join('; ')}.`)
process.exitCode = failed.length === 0 ? 0 : 1
