import { join } from 'node:path'
import type { Config } from '../../config/schema.ts'
import type { Goal } from '../../core/goal.ts'
import type { Run } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'
import { filesHere } from '../acts/create-acts.ts'
import type { PermissionRequest } from '../agents/agent.ts'
import { decidePermission, type PermissionDecision } from '../agents/broker.ts'
import { goalNamed } from '../goals/names.ts'
import { getRepository } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { PolicyAnswer, PolicyQuestion, PolicyShown } from './answers.ts'
import { type Permissions, permissionsOf } from './permissions.ts'

/** Who decides what a run may do: the owner's configuration and word, never a text. */
export interface Policy {
  decide(of: { run: Run; task: Task; goal: Goal }, request: PermissionRequest): Promise<PermissionDecision>
  /** What would happen, and by which rule. Throws goal_not_found, agent_not_found. */
  test(question: PolicyQuestion): Promise<PolicyAnswer>
  show(): PolicyShown
}

export interface PolicyDeps {
  store: Store
  /** What may change while the daemon works. */
  live: { readonly current: Pick<Config, 'agents' | 'policy'> }
  isConfined: boolean
  runsDir: string
  /** Names of agents; the first is taken where none is named. Throws agent_not_found for one that is not known. */
  agents: { usable: readonly string[]; find(name: string): unknown }
}

const OWN_MCP_SERVERS = ['claw']
/** Where a command is imagined that nobody runs. */
const NOWHERE = '/worktree'

export function createPolicy({ store, live, isConfined, runsDir, agents }: PolicyDeps): Policy {
  const decideIn = (
    request: PermissionRequest,
    permissions: Permissions,
    place: { worktree: string; ownFolders: string[]; checkCommands: string[]; hosts?: string[] },
  ) => decidePermission(request, { permissions, isConfined, ownMcpServers: OWN_MCP_SERVERS, ...place })

  async function placeOf(goal: Goal): Promise<string | null> {
    const { path, url } = await getRepository(store.db, goal.repositoryId)
    return path ?? url
  }

  return {
    async decide({ run, task, goal }, request) {
      const permissions = permissionsOf(live.current, { agent: run.agent, repository: await placeOf(goal), goal })
      return decideIn(request, permissions, {
        worktree: run.worktree,
        ownFolders: [join(runsDir, task.id, 'home'), join(runsDir, task.id, 'tmp'), ...filesHere(task.spec.act)],
        hosts: task.spec.act?.hosts.map(({ name }) => name) ?? [],
        checkCommands: task.spec.checks.map((check) => check.command),
      })
    },
    async test({ command, agent: named, repo, goal: goalName }) {
      const goal = goalName === null ? null : await goalNamed(store.db, goalName)
      if (named !== null) agents.find(named)
      const agent = named ?? goal?.agent ?? agents.usable[0] ?? 'none'
      const repository = repo ?? (goal ? await placeOf(goal) : null)
      const permissions = permissionsOf(live.current, { agent, repository, goal })
      const request: PermissionRequest = {
        toolCallId: 'test',
        title: command,
        kind: 'execute',
        paths: [],
        command,
        rawInput: null,
        options: [],
      }
      const decided = decideIn(request, permissions, { worktree: NOWHERE, ownFolders: [], checkCommands: [] })
      return { command, agent, repository, profile: permissions.profile, from: permissions.from, ...decided }
    },
    show() {
      const { agents: common, policy } = live.current
      return {
        permissions: common.permissions,
        allow: [...common.allowCommands, ...policy.allow],
        ask: policy.ask,
        deny: policy.deny,
        agents: policy.agents,
        repositories: policy.repositories,
        isConfined,
      }
    },
  }
}
