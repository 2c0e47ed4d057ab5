import type { Config } from '../../config/schema.ts'
import type { PermissionProfile } from '../../core/permission.ts'

/** What applies to one run: the profile with where it is from, and the owner's rules for commands. */
export interface Permissions {
  profile: PermissionProfile
  /** In words: `goal #4`, `repository /home/me/x`, `agent codex`, `agents.permissions`. */
  from: string
  /** Commands by their first words; of all levels together, and a refusal comes before a question before a yes. */
  deny: readonly CommandRule[]
  ask: readonly CommandRule[]
  allow: readonly CommandRule[]
}

export interface CommandRule {
  words: readonly string[]
  /** Where it stands: `policy.agents.codex.deny`. */
  from: string
}

/**
 * Which permissions hold: the goal's come before the repository's, those before the agent's, those before the
 * common ones. Pure. Only the owner's configuration and the owner's word on the goal go in: nothing that a plan,
 * a brain, an agent or a repository says can widen what comes out.
 */
export function permissionsOf(
  config: Pick<Config, 'agents' | 'policy'>,
  of: {
    agent: string
    repository: string | null
    goal: { number: number; permissions: PermissionProfile | null } | null
  },
): Permissions {
  const { policy } = config
  const repository = of.repository === null ? undefined : policy.repositories[of.repository]
  const agent = policy.agents[of.agent]
  const chosen: [PermissionProfile | null | undefined, string][] = [
    [of.goal?.permissions, `goal #${of.goal?.number}`],
    [repository?.permissions, `repository ${of.repository}`],
    [agent?.permissions, `agent ${of.agent}`],
  ]
  const [profile, from] = chosen.find(([one]) => one != null) ?? [config.agents.permissions, 'agents.permissions']
  const levels = [
    { rules: repository, at: `policy.repositories.${of.repository}` },
    { rules: agent, at: `policy.agents.${of.agent}` },
    { rules: policy, at: 'policy' },
  ]
  const all = (kind: 'deny' | 'ask' | 'allow') =>
    levels.flatMap(({ rules, at }) => (rules?.[kind] ?? []).flatMap((line) => ruleOf(line, `${at}.${kind}`)))
  return {
    profile: profile ?? config.agents.permissions,
    from,
    deny: all('deny'),
    ask: all('ask'),
    allow: [...all('allow'), ...config.agents.allowCommands.flatMap((line) => ruleOf(line, 'agents.allowCommands'))],
  }
}

function ruleOf(line: string, from: string): CommandRule[] {
  const words = line.trim().split(/\s+/)
  return words[0] ? [{ words, from }] : []
}

export function matches({ words }: CommandRule, command: readonly string[]): boolean {
  return words.every((word, index) => command[index] === word)
}
