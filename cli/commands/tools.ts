import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerView } from '../../daemon/mcp-client/outside-tools.ts'
import { connect } from '../daemon.ts'
import { EXIT } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { clip, oneLine, pad } from '../text.ts'

/** Every server of the configuration with its tools, and what becomes of a call. */
export async function list(surface: Surface, options: { fresh?: boolean }): Promise<void> {
  const client = await connect(surface, { start: true })
  const query = { fresh: options.fresh ? ('true' as const) : ('false' as const) }
  const { servers } = (await (await client.v1.tools.$get({ query })).json()) as { servers: ServerView[] }
  if (surface.isJson) return surface.printJson(servers)
  if (servers.length === 0) return surface.say('No servers. They stand in the configuration under mcp.servers.')
  for (const server of servers) print(surface, server)
}

function print(surface: Surface, { name, state, words, brain, runs, tools }: ServerView): void {
  const takers = [...(brain ? ['the brain'] : []), ...(runs ? ['runs'] : [])].join(' and ') || 'nobody'
  const why = words ? `: ${oneLine(words)}` : ''
  const color = state === 'failed' || state === 'login-needed' ? 'yellow' : 'cyan'
  surface.print(surface.paint(color, `${oneLine(name)}  ${state}${why}, for ${takers}`))
  if (state === 'login-needed') surface.print(`  log in: claw tools login ${oneLine(name)}`)
  for (const tool of tools) {
    const line = `  ${pad(oneLine(tool.name), 24)} ${pad(tool.state === 'on' ? tool.verdict : `off, ${tool.state}`, 12)} `
    surface.print(`${line}${clip(oneLine(tool.description), Math.max(20, surface.width() - line.length))}`)
  }
  const off = tools.filter((tool) => tool.state === 'new' || tool.state === 'changed')
  if (off.length > 0) {
    surface.print(
      surface.paint(
        'yellow',
        `  ${off.length} off until you agree: read them above, then claw tools agree ${oneLine(name)}`,
      ),
    )
  }
  if (tools.length === 0 && state === 'idle') surface.print('  not asked yet: claw tools --fresh')
}

export async function agree(surface: Surface, server: string, tool: string | undefined): Promise<void> {
  const client = await connect(surface, { start: true })
  const response = await client.v1.tools[':server'].agree.$post({ param: { server }, json: { tool: tool ?? null } })
  const view = (await response.json()) as ServerView
  if (surface.isJson) surface.printJson(view)
  else print(surface, view)
}

const LOOK_MS = 500

/** Prints the address to open, and waits until the owner is back. */
export async function login(surface: Surface, server: string): Promise<number> {
  const client = await connect(surface, { start: true })
  const { url } = (await (await client.v1.tools[':server'].login.$post({ param: { server }, json: {} })).json()) as {
    url: string
  }
  if (surface.isJson) surface.printJson({ url })
  else surface.print(`Open this in your browser:\n${url}`)
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal: surface.signal }).catch(() => surface.signal.throwIfAborted())
    const { servers } = (await (await client.v1.tools.$get({ query: {} })).json()) as { servers: ServerView[] }
    const state = servers.find(({ name }) => name === server)?.login
    if (state === 'waiting') continue
    surface.say(
      state === 'done' ? `Logged in to ${oneLine(server)}.` : 'The login did not succeed; `claw logs` says why.',
    )
    return state === 'done' ? EXIT.ok : EXIT.failed
  }
}

export async function logout(surface: Surface, server: string): Promise<void> {
  const client = await connect(surface, { start: true })
  await client.v1.tools[':server'].logout.$post({ param: { server }, json: {} })
  surface.say(`The login at ${oneLine(server)} is forgotten here.`)
}
