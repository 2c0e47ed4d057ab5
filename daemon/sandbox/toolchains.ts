import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Where version managers put languages and tools below a HOME. Only programs: folders that
 * also hold logins (`.cargo`, `.npm`, `.config`) are named by the part that does not.
 */
const TOOLCHAINS = [
  '.asdf',
  '.bun/bin',
  '.cargo/bin',
  '.deno/bin',
  '.dotnet',
  '.fnm',
  '.ghcup/bin',
  '.juliaup',
  '.local/bin',
  '.local/lib',
  '.local/share/fnm',
  '.local/share/mise',
  '.local/share/pnpm',
  '.local/share/uv/python',
  '.local/share/uv/tools',
  '.nvm',
  '.n',
  '.pyenv',
  '.rbenv',
  '.rustup',
  '.sdkman/candidates',
  '.volta',
  'go/bin',
  'miniconda3',
  'anaconda3',
  'sdk/go',
]

/** The toolchains that the owner keeps in their HOME: what a sandbox must leave readable so that `node` or `cargo` is found. */
export function findToolchains(ownerHome: string, exists: (path: string) => boolean = existsSync): string[] {
  return TOOLCHAINS.map((folder) => join(ownerHome, folder)).filter(exists)
}
