import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CLAW, type Git, parts } from './git.ts'
import type { Identity } from './worktree.ts'

/** The owner's configuration as their own git would see it in `cwd`: keys in lower case, the last value wins. Only read, never obeyed. */
export async function readOwnerConfig(git: Git, cwd: string | undefined): Promise<Map<string, string>> {
  const { out } = await git(['config', '--list', '--includes', '-z'], {
    ...(cwd ? { cwd } : {}),
    asOwner: true,
    plain: true,
    answers: [1, 128],
  })
  const config = new Map<string, string>()
  for (const entry of parts(out)) {
    const cut = entry.indexOf('\n')
    config.set(cut < 0 ? entry : entry.slice(0, cut), cut < 0 ? 'true' : entry.slice(cut + 1))
  }
  return config
}

export function identityIn(config: Map<string, string>): Identity {
  const clean = (text: string | undefined) => text?.replace(/[<>\n\0]/g, '').trim() || undefined
  return { name: clean(config.get('user.name')) ?? CLAW.name, email: clean(config.get('user.email')) ?? CLAW.email }
}

/**
 * What the owner has git ignore beside the repository's own .gitignore files: their global list and
 * `info/exclude`. Without these a capture would commit what they keep to themselves, such as a copied .env.
 */
export async function readExcludes(
  config: Map<string, string>,
  home: string | undefined,
  xdgHome: string | undefined,
  commonDir: string | undefined,
): Promise<string> {
  const named = config.get('core.excludesfile')
  const standard = xdgHome ?? (home ? join(home, '.config') : undefined)
  const global = named
    ? home && named.startsWith('~/')
      ? join(home, named.slice(2))
      : named
    : standard && join(standard, 'git', 'ignore')
  const files = [global, commonDir && join(commonDir, 'info', 'exclude')].filter(
    (file) => file !== undefined && file !== '',
  )
  const texts = await Promise.all(files.map((file) => readFile(file as string, 'utf8').catch(() => '')))
  return texts.filter((text) => text !== '').join('\n')
}
