import type { AgentProfile } from '../agent.ts'
import type { Programs } from '../programs.ts'
import { claudeProfile } from './claude.ts'
import { codexProfile } from './codex.ts'
import { copilotProfile } from './copilot.ts'
import { type CustomAgentSettings, createCustomProfile } from './custom.ts'
import { geminiProfile } from './gemini.ts'
import { gooseProfile } from './goose.ts'
import { opencodeProfile } from './opencode.ts'
import { createPiProfile } from './pi.ts'
import { qwenProfile } from './qwen.ts'

/** Every agent that Claw knows, then the owner's own; one of those replaces a known one of the same name. */
export function listProfiles(
  programs: Pick<Programs, 'find' | 'node'>,
  custom: Readonly<Record<string, CustomAgentSettings>> = {},
): AgentProfile[] {
  const own = Object.entries(custom).map(([name, settings]) => createCustomProfile(name, settings))
  const known = [
    claudeProfile,
    codexProfile,
    gooseProfile,
    createPiProfile(programs),
    opencodeProfile,
    geminiProfile,
    qwenProfile,
    copilotProfile,
  ]
  return [...known.filter(({ name }) => !(name in custom)), ...own]
}
