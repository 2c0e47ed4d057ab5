import type { Command } from 'commander'
import { type Json, type Leaf, type Run, wholeNumber } from './options.ts'

/** Tools for others and of others: MCP, skills, tokens. */
export function toolCommands(program: Command, leaf: Leaf, run: Run): void {
  const mcp = program.command('mcp').description('Claw’s tools for other programs, over MCP.')
  leaf(mcp, 'serve', 'Speak MCP on stdin and stdout (the short form is `claw mcp`); starts the daemon when needed.', {
    isDefault: true,
  }).action((options: Json) => run(options, async (surface) => (await import('./commands/mcp.ts')).serve(surface)))
  leaf(
    mcp,
    'install <client>',
    'Show, then write, what makes a client use Claw: claude, codex, cursor, gemini, qwen, vscode.',
  )
    .option('--remove', 'Take it back.')
    .option('--yes', 'Write it without being asked.')
    .action((client: string, options: Json & { remove?: boolean; yes?: boolean }) =>
      run(options, async (surface) => (await import('./commands/mcp.ts')).install(surface, client, options)),
    )

  const skills = program.command('skills').description('Agent Skills, yours and your repositories’: list, agree.')
  leaf(skills, 'list', 'List them with whether agents may use them (the short form is `claw skills`).', {
    isDefault: true,
  })
    .option('--repo <path>', 'Only of this repository.')
    .action((options: Json & { repo?: string }) =>
      run(options, async (surface) => (await import('./commands/skills.ts')).list(surface, options)),
    )
  leaf(skills, 'agree <name>', 'Let agents use a repository’s skill as it is now.')
    .option('--repo <path>', 'Where it lies, if several repositories have one of that name.')
    .option('--refuse', 'They must not use it.')
    .action((name: string, options: Json & { repo?: string; refuse?: boolean }) =>
      run(options, async (surface) => (await import('./commands/skills.ts')).agree(surface, name, options)),
    )

  const tools = program.command('tools').description('Tools of your other MCP servers: list, agree, login, logout.')
  leaf(tools, 'list', 'List them with what becomes of a call (the short form is `claw tools`).', { isDefault: true })
    .option('--fresh', 'Ask the servers first, also those that do not run.')
    .action((options: Json & { fresh?: boolean }) =>
      run(options, async (surface) => (await import('./commands/tools.ts')).list(surface, options)),
    )
  leaf(tools, 'agree <server> [tool]', 'Turn on what is new or has changed: one tool, or all of a server.').action(
    (server: string, tool: string | undefined, options: Json) =>
      run(options, async (surface) => (await import('./commands/tools.ts')).agree(surface, server, tool)),
  )
  leaf(tools, 'login <server>', 'Log in to a remote server (OAuth).').action((server: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/tools.ts')).login(surface, server)),
  )
  leaf(tools, 'logout <server>', 'Forget the login at a remote server.').action((server: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/tools.ts')).logout(surface, server)),
  )

  const token = program.command('token').description('Tokens for MCP clients over HTTP: create, list, revoke.')
  leaf(token, 'create <name>', 'Make a token and print it, this once.')
    .option('--read-only', 'It may look and change nothing.')
    .option('--days <number>', 'It lasts so many days; default: until it is revoked.', wholeNumber)
    .action((name: string, options: Json & { readOnly?: boolean; days?: number }) =>
      run(options, async (surface) => (await import('./commands/token.ts')).create(surface, name, options)),
    )
  leaf(token, 'list', 'List tokens with what they open and when they were last used.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/token.ts')).list(surface)),
  )
  leaf(token, 'revoke <name>', 'End a token at once.').action((name: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/token.ts')).revoke(surface, name)),
  )
}
