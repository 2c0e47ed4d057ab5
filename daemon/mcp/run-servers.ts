import { readFileSync } from 'node:fs'
import type { Run } from '../../core/run.ts'
import type { AgentSpec } from '../agents/agent.ts'
import type { RunTokens } from './run-tokens.ts'

/** How a run reaches its tools. */
export interface RunServers {
  /** For the session, where the agent takes MCP servers. */
  servers(run: Pick<Run, 'id'>): AgentSpec['mcpServers']
  /**
   * For the environment, whatever the agent: `claw-run` on the PATH does the same from a shell. `files` go into
   * the private HOME, `env` over the run's own.
   */
  command(
    run: Pick<Run, 'id'>,
    place: { home: string; path: string },
  ): { files: Record<string, string>; env: Record<string, string> }
}

/** Where `claw-run` lies in a private HOME. */
export const COMMAND_FOLDER = '.claw/bin'

/** @param url of the daemon, asked when it is needed: the port is known only once it listens. */
export function createRunServers(deps: { url(): string; tokens: Pick<RunTokens, 'mint'>; node: string }): RunServers {
  const script = readFileSync(new URL('./claw-run.mjs', import.meta.url), 'utf8')
  return {
    // The broker knows the server by this name.
    servers: ({ id }) => [
      { name: 'claw', url: `${deps.url()}/mcp`, headers: { authorization: `Bearer ${deps.tokens.mint(id)}` } },
    ],
    command: ({ id }, { home, path }) => ({
      files: {
        [`${COMMAND_FOLDER}/claw-run.mjs`]: script,
        [`${COMMAND_FOLDER}/claw-run`]: `#!/bin/sh\nexec '${deps.node.replaceAll("'", `'\\''`)}' "\${0%/*}/claw-run.mjs" "$@"\n`,
      },
      env: {
        PATH: `${home}/${COMMAND_FOLDER}:${path}`,
        CLAW_RUN_URL: `${deps.url()}/mcp`,
        CLAW_RUN_TOKEN: deps.tokens.mint(id),
      },
    }),
  }
}
