import { expect, test } from 'vitest'
import { Config } from '../../../config/schema.ts'
import type { PermissionProfile } from '../../../core/permission.ts'
import type { PermissionRequest } from '../../../daemon/agents/agent.ts'
import { decidePermission } from '../../../daemon/agents/broker.ts'
import { permissionsOf } from '../../../daemon/policy/permissions.ts'

const config = Config.parse({
  agents: { permissions: 'edit+commands', allowCommands: ['npm test'] },
  policy: {
    deny: ['git push --force'],
    agents: { codex: { permissions: 'edit', allow: ['cargo build'] } },
    repositories: { '/prod': { permissions: 'read-only', deny: ['npm publish'], ask: ['make release'] } },
  },
})

const of = (agent: string, repository: string | null = null, permissions: PermissionProfile | null = null) =>
  permissionsOf(config, { agent, repository, goal: { number: 4, permissions } })

function decide(command: string, permissions: ReturnType<typeof of>) {
  const request: PermissionRequest = {
    toolCallId: 't',
    title: command,
    kind: 'execute',
    paths: [],
    command,
    rawInput: null,
    options: [],
  }
  const place = { worktree: '/w', ownFolders: [], checkCommands: [], ownMcpServers: [], isConfined: true }
  return decidePermission(request, { permissions, ...place })
}

test('the most specific profile holds: goal before repository before agent before all', () => {
  expect(of('pi')).toMatchObject({ profile: 'edit+commands', from: 'agents.permissions' })
  expect(of('codex')).toMatchObject({ profile: 'edit', from: 'agent codex' })
  expect(of('codex', '/prod')).toMatchObject({ profile: 'read-only', from: 'repository /prod' })
  expect(of('codex', '/prod', 'trusted')).toMatchObject({ profile: 'trusted', from: 'goal #4' })
  expect(of('codex', '/other', 'read-only')).toMatchObject({ profile: 'read-only', from: 'goal #4' })
})

test.each([
  ['npm run build', of('pi'), 'allow', 'sandbox'],
  ['npm publish', of('pi'), 'ask', 'outward'],
  ['npm publish', of('pi', '/prod', 'trusted'), 'reject', 'policy.repositories./prod.deny: npm publish'],
  [
    'cd x && sh -c "npm publish"',
    of('pi', '/prod', 'trusted'),
    'reject',
    'policy.repositories./prod.deny: npm publish',
  ],
  ['git push --force', of('pi', null, 'trusted'), 'reject', 'policy.deny: git push --force'],
  ['git push', of('pi', null, 'trusted'), 'allow', 'trusted'],
  ['make release', of('pi', '/prod', 'trusted'), 'ask', 'policy.repositories./prod.ask: make release'],
  ['$X', of('pi', '/prod', 'trusted'), 'allow', 'trusted'],
  ['sh -c "$X"', of('pi', '/prod', 'trusted'), 'ask', 'unreadable'],
  ['cargo build', of('codex'), 'allow', 'listed'],
  ['cargo build; cargo publish', of('codex'), 'ask', 'unlisted'],
  ['npm test', of('codex'), 'allow', 'listed'],
  ['cargo build', of('pi', '/prod'), 'ask', 'read-only'],
] as const)('%j: %o → %s by %s', (command, permissions, decision, rule) => {
  expect(decide(command, permissions)).toMatchObject({ decision, rule, reason: expect.stringMatching(/\w/) })
})
