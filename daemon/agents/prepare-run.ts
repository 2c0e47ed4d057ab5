import { existsSync, lstatSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { Confined, Sandbox } from '../sandbox/sandbox.ts'
import type { AgentHooks, AgentSpec } from './agent.ts'
import { shareCredential, writeHomeFiles } from './private-home.ts'
import type { Programs } from './programs.ts'

export interface PrepareDeps {
  sandbox: Sandbox
  programs: Programs
  ownerHome: string
  /** What every agent may read although it lies in a hidden folder: the owner's toolchains. */
  readable: readonly string[]
}

/**
 * Makes everything ready for an agent to be started: its files in the private HOME, its
 * environment from nothing, its command line inside the sandbox. Starts nothing.
 *
 * Faults: agent_unavailable where a program of it is not installed.
 */
export async function prepareRun(
  deps: PrepareDeps,
  spec: AgentSpec,
  hooks: Pick<AgentHooks, 'onHost'>,
): Promise<Confined> {
  const { profile, home, worktree, tmp, model } = spec
  const [name, ...args] = profile.command
  const found = [name, ...(profile.programs ?? [])].map((wanted) => {
    const program = deps.programs.find(wanted)
    if (program) return program
    throw new Fault('agent_unavailable', `${profile.title} is not installed: there is no ${wanted} on the PATH`, {
      hint: `Install ${wanted}, or choose another agent; \`claw doctor\` lists them.`,
    })
  })
  const context = { home, worktree, model, isConfined: deps.sandbox.name !== 'none' }
  writeHomeFiles(home, profile.files(context))
  const credential =
    profile.credentialFile !== null && model === null
      ? shareCredential(home, deps.ownerHome, profile.credentialFile)
      : null

  const env: Record<string, string> = {
    PATH: deps.programs.path,
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    NO_COLOR: '1',
    SHELL: '/bin/sh',
    // The repository can be read and not written; git then does without its locks.
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    ...spec.env,
    ...profile.env(context),
    HOME: home,
    TMPDIR: tmp,
  }
  const gitFile = join(worktree, '.git')
  return deps.sandbox.confine([...found[0]!.argv, ...args], {
    cwd: worktree,
    writable: [worktree, home, tmp, ...(credential ? [credential] : []), ...(spec.writable ?? [])],
    readable: [
      ...found.flatMap((program) => program.readable),
      ...deps.readable,
      ...(spec.readable ?? []),
      // A program of the owner's may be a script: `node /home/me/agent.js`. It is named, so it may be read.
      ...args.filter((arg) => isAbsolute(arg) && existsSync(arg)),
      // Which repository a worktree belongs to is not the agent's to change. A link is left alone: it could name anything.
      ...(lstatSync(gitFile, { throwIfNoEntry: false })?.isFile() ? [gitFile] : []),
    ],
    hidden: [],
    network:
      spec.hosts === 'any'
        ? 'host'
        : {
            hosts: [...reachOf(spec), ...(spec.hosts ?? [])],
            ...(hooks.onHost ? { ask: hooks.onHost } : {}),
          },
    env,
  })
}

/** The model and the tools that a run was given are part of its reach, wherever they are. */
function reachOf({ model, mcpServers, profile }: Pick<AgentSpec, 'model' | 'mcpServers' | 'profile'>): string[] {
  const urls = [...(model ? [model.baseUrl] : []), ...mcpServers.map(({ url }) => url)]
  return [...urls.map(hostOf), ...(model ? [] : (profile.loginHosts ?? []))]
}

/** `http://127.0.0.1:4096/v1` → `127.0.0.1:4096`. */
export function hostOf(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}
