import { Fault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { World } from '../../core/world.ts'
import { runCommand } from '../processes/run-command.ts'
import { findProgram } from '../sandbox/find-sandbox.ts'

const GH_MS_MAX = 60_000

/**
 * Proposes a pushed branch through GitHub's own `gh`, logged in as the owner, from the owner's checkout.
 *
 * @returns the pull request's address; the one that is open already where there is one
 * @throws command_missing, command_failed
 */
export function createOpenPullRequest({
  world,
  env,
  checkoutOf,
}: {
  world: World
  env: Readonly<Record<string, string | undefined>>
  checkoutOf(goal: Goal): Promise<string | null>
}) {
  return async function openPullRequest({
    goal,
    title,
    body,
  }: {
    goal: Goal
    title: string
    body: string
  }): Promise<string> {
    const program = findProgram('gh', env['PATH'] ?? '')
    if (!program) {
      throw new Fault('command_missing', 'pull requests are opened with GitHub’s `gh`, which is not installed', {
        hint: `The branch ${goal.branch} is pushed; open the request by hand, or install gh and try again.`,
      })
    }
    const cwd = await checkoutOf(goal)
    if (cwd === null)
      throw new Fault('command_failed', 'a pull request needs a checkout on this machine', {
        hint: `The branch ${goal.branch} is pushed.`,
      })
    const gh = (argv: string[]) =>
      runCommand(
        { clock: world.clock },
        {
          argv: [program, ...argv],
          cwd,
          env: Object.fromEntries(
            Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
          ),
          runId: `${goal.id}/pull-request`,
          timeoutMs: GH_MS_MAX,
          outputBytesMax: 0,
        },
      )
    const there = await gh(['pr', 'view', goal.branch, '--json', 'url', '--jq', '.url'])
    const known = /https?:\/\/\S+/.exec(there.exitCode === 0 ? there.tail : '')?.[0]
    if (known) return known
    const made = await gh([
      'pr',
      'create',
      '--head',
      goal.branch,
      '--base',
      goal.targetBranch,
      '--title',
      title,
      '--body',
      body,
    ])
    const url = /https?:\/\/\S+/.exec(made.tail)?.[0]
    if (made.exitCode !== 0 || !url)
      throw new Fault('command_failed', `gh could not open the pull request: ${made.tail.trim().slice(-500)}`)
    return url
  }
}
