/** What agents may do: as it stands, and what would happen with one command. */
import { connect } from '../daemon.ts'
import { usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { resolveRepo } from './add.ts'

export interface PolicyOptions {
  agent?: string
  repo?: string
  goal?: string
}

const WORDS = { allow: 'runs without you', ask: 'you are asked', reject: 'is refused' } as const

export async function testPolicy(surface: Surface, command: string, options: PolicyOptions): Promise<void> {
  if (command.trim() === '') throw usage('The command is empty')
  const client = await connect(surface, { start: true })
  const json = {
    command,
    agent: options.agent ?? null,
    repo: options.repo === undefined ? null : resolveRepo(options.repo, surface.cwd),
    goal: options.goal ?? null,
  }
  const answer = await (await client.v1.policy.test.$post({ json })).json()
  if (surface.isJson) return surface.printJson(answer)
  const { decision, reason, rule, profile, from, agent } = answer
  surface.print(`${decision}: ${WORDS[decision]}; ${reason}`)
  surface.print(surface.paint('gray', `rule ${rule}    profile ${profile} (${from})    agent ${agent}`))
}

export async function showPolicy(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: true })
  const shown = await (await client.v1.policy.$get()).json()
  if (surface.isJson) return surface.printJson(shown)
  surface.print(`everywhere: ${shown.permissions}${shown.isConfined ? '' : ' (no sandbox: commands are asked about)'}`)
  for (const line of rules(shown)) surface.print(`  ${line}`)
  for (const [kind, all] of [
    ['agent', shown.agents],
    ['repository', shown.repositories],
  ] as const) {
    for (const [name, one] of Object.entries(all)) {
      surface.print(`${kind} ${name}: ${one.permissions ?? 'as everywhere'}`)
      for (const line of rules(one)) surface.print(`  ${line}`)
    }
  }
}

function rules(of: Record<'allow' | 'ask' | 'deny', readonly string[]>): string[] {
  return (['deny', 'ask', 'allow'] as const).flatMap((kind) => of[kind].map((line) => `${kind}: ${line}`))
}
