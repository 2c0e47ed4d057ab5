import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { claw } from '../cli/run-claw.ts'

/**
 * What `claw mcp install` writes is read by the program it is written for: each says itself that it knows our server,
 * and most try it. The daemon runs already: some give a server only a few seconds.
 */
const root = join(import.meta.dirname, '..', '..')
const own = join(import.meta.dirname, 'node_modules')
const more = join(import.meta.dirname, 'more/node_modules')

interface Client {
  program: string
  /** What it says of a server that it knows; all but Codex connect to say it. */
  says: RegExp
}

const CLIENTS: Record<string, Client> = {
  claude: {
    program: join(own, '@anthropic-ai/claude-agent-sdk-linux-x64/claude'),
    says: /claw: .*claw\.js mcp - \S Connected/,
  },
  codex: { program: join(own, '.bin/codex'), says: /^claw +\S+ +\S+claw\.js mcp +.*enabled/m },
  gemini: { program: join(more, '.bin/gemini'), says: /claw: .*claw\.js mcp \(stdio\) - Connected/ },
  qwen: { program: join(more, '.bin/qwen'), says: /claw: .*claw\.js mcp \(stdio\) - Connected/ },
  opencode: { program: join(more, 'opencode-linux-x64/bin/opencode'), says: /claw connected/ },
  copilot: { program: join(more, '.bin/copilot'), says: /claw \(local\)/ },
}

describe.each(Object.entries(CLIENTS))('%s', (name, { program, says }) => {
  const isThere = existsSync(program)
  if (!isThere) {
    const how = program.startsWith(more) ? 'agents:install:more' : 'agents:install'
    console.log(`skipped: ${name} is not installed (npm run ${how})`)
  }

  test.skipIf(!isThere)('knows Claw once it is installed there, and no longer when it is taken out', async () => {
    const home = mkdtempSync(join(tmpdir(), 'claw-client-'))
    onTestFinished(async () => {
      await claw(['daemon', 'stop'], { home })
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    })
    // Gemini uses no servers in folders that nobody trusts; what it holds besides stays.
    mkdirSync(join(home, '.gemini'))
    writeFileSync(join(home, '.gemini/settings.json'), '{"security":{"folderTrust":{"enabled":false}}}')
    const env = {
      PATH: [dirname(process.execPath), join(root, 'node_modules/.bin'), '/usr/local/bin:/usr/bin:/bin'].join(
        delimiter,
      ),
      HOME: home,
      CLAW_HOME: home,
      CODEX_HOME: join(home, '.codex'),
      XDG_CONFIG_HOME: join(home, '.config'),
      TERM: 'dumb',
      NO_COLOR: '1',
      COPILOT_AUTO_UPDATE: 'false',
      DISABLE_AUTOUPDATER: '1',
    }
    mkdirSync(env.CODEX_HOME)
    const known = () =>
      new Promise<string>((resolve) => {
        const child = execFile(program, ['mcp', 'list'], { cwd: home, env, timeout: 120_000 }, (_error, out, err) =>
          // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken out
          resolve(`${out}${err}`.replace(/\u001b\[[\d;]*m/g, '')),
        )
        child.stdin?.end()
      })

    expect((await claw(['daemon', 'start'], { home })).code).toBe(0)
    expect((await claw(['mcp', 'install', name, '--yes'], { home, env })).code).toBe(0)
    expect(await known()).toMatch(says)
    expect((await claw(['mcp', 'install', name, '--remove', '--yes'], { home, env })).code).toBe(0)
    expect(await known()).not.toMatch(/\bclaw\b.*(mcp|local|connected)/i)
  })
})
