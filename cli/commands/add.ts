import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { GoalSummary } from '../../daemon/goals/views.ts'
import { connect, isDown, locateIn } from '../daemon.ts'
import { watchOverHttp } from '../events.ts'
import { EXIT, usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { oneLine } from '../text.ts'
import { readAll } from './stdin.ts'

export interface GoalOptions {
  repo?: string
  branch?: string
  land?: string
  autonomy?: string
  maxMinutes?: number
  maxAttempts?: number
  maxUsd?: number
  maxTokens?: number
  agent?: string
  permissions?: string
  plan?: string
  watch?: boolean
  json?: boolean
}

/** Adds a goal; with --watch follows it to its end. */
export async function add(surface: Surface, words: string, options: GoalOptions): Promise<number> {
  // Everything that can be wrong here is found before a daemon is started.
  const text = (words === '-' ? await readAll(surface) : words).trim()
  if (text === '') throw usage('The goal is empty')
  const json = {
    text,
    repo: options.repo === undefined ? null : resolveRepo(options.repo, surface.cwd),
    branch: options.branch ?? null,
    land: (options.land as 'branch' | undefined) ?? null,
    autonomy: (options.autonomy as 'auto' | undefined) ?? null,
    minutesMax: options.maxMinutes ?? null,
    attemptsMax: options.maxAttempts ?? null,
    usdMax: options.maxUsd ?? null,
    tokensMax: options.maxTokens ?? null,
    agent: options.agent ?? null,
    permissions: (options.permissions as 'edit' | undefined) ?? null,
    planFile: options.plan === undefined ? null : readPlan(options.plan, surface.cwd),
    source: { surface: 'cli' as const, from: null },
    // The same goal even if the answer is lost on the way and it is sent again.
    idempotencyKey: randomUUID(),
  }
  if (options.repo === undefined && existsSync(join(surface.cwd, '.git'))) {
    surface.say(
      surface.paintErr('gray', 'a fresh workspace, since no --repo was given (for this repository: --repo .)'),
    )
  }
  const client = await connect(surface, { start: true })
  const send = async () => (await client.v1.goals.$post({ json })).json() as Promise<GoalSummary>
  const added = await send().catch((error) => {
    if (isDown(error) && !surface.signal.aborted) return send()
    throw error
  })
  const { number } = added.goal
  if (!options.watch) {
    if (surface.isJson) surface.printJson(added)
    else {
      surface.print(`#${number} ${oneLine(added.goal.text)}`)
      surface.say(surface.paintErr('gray', `follow it: claw watch ${number}    what waits for you: claw inbox`))
    }
    return EXIT.ok
  }
  const ended = await watchOverHttp(
    surface,
    client,
    locateIn(surface.paths),
    String(number),
    surface.isJson ? 'quiet' : undefined,
  )
  if (surface.isJson) surface.printJson(ended)
  else surface.say(surface.paintErr('gray', `the report: claw report ${number}`))
  return ended.goal.state === 'met' ? EXIT.ok : EXIT.notMet
}

/** URLs stay as they are (`https://…`, `git@host:path`), a path becomes absolute. */
export function resolveRepo(repo: string, cwd: string): string {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(repo) || /^[^/\\\s]+@[^/\\\s:]+:/.test(repo)
  return isUrl ? repo : resolve(cwd, repo)
}

function readPlan(file: string, cwd: string): { name: string; text: string } {
  try {
    return { name: basename(file), text: readFileSync(resolve(cwd, file), 'utf8') }
  } catch (cause) {
    const words = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : (cause as Error).message
    throw new Fault('input_invalid', `Plan file ${file}: ${words}`, { cause })
  }
}
