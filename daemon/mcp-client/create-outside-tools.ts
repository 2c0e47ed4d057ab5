import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Config, McpServerConfig } from '../../config/schema.ts'
import { MINUTE, SECOND } from '../../core/clock.ts'
import { Fault, nearest } from '../../core/fault.ts'
import { newId } from '../../core/id.ts'
import { clipLine, manyLines } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import type { Host } from '../host.ts'
import type { StoreInbox } from '../inbox/store-inbox.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import type { Secrets } from '../secrets/secrets.ts'
import type { Store } from '../store/store.ts'
import { createAskTool } from './ask-tool.ts'
import { shapeResult } from './outside-result.ts'
import { createOutsideServer, type OutsideServer } from './outside-server.ts'
import type { OfferedTool, OutsideTools, ServerView } from './outside-tools.ts'
import { createPins, type Pin } from './pins.ts'
import { isOfferedTo, offeredName, type Taker, verdictOf } from './tool-policy.ts'

export interface OutsideToolsDeps {
  config: Pick<Config, 'mcp'>
  store: Store
  world: World
  inbox: StoreInbox
  table: ProcessTable
  secrets: Secrets
  /** For logins and as the place where servers run. */
  home: string
  baseEnv: Readonly<Record<string, string>>
  version: string
}

/** How long whoever wants the list waits for servers that were never seen before. */
const FIRST_SIGHT_MS = 10 * SECOND
/** Tools are listed again when a call comes and the list is older than this. */
const LIST_AGE_MS_MAX = 10 * MINUTE
const DESCRIPTION_MAX = 2_000

interface Place {
  name: string
  config: McpServerConfig
  server: OutsideServer
  /** Of the server's tools when they were last compared with what was agreed to. */
  edition: number
  listedAt: number
  login: ServerView['login']
}

export async function createOutsideTools(deps: OutsideToolsDeps): Promise<OutsideTools> {
  const { config, store, world, inbox } = deps
  const { clock } = world
  const pins = createPins({ store, world })
  const askTool = createAskTool({ store, world, inbox })
  const logins = { world, folder: join(deps.home, 'logins'), secrets: deps.secrets }
  const runIds = await nameProcesses(Object.keys(config.mcp.servers))
  const closing = new AbortController()

  const places = new Map<string, Place>(
    Object.entries(config.mcp.servers).map(([name, server]) => [
      name,
      {
        name,
        config: server,
        edition: -1,
        listedAt: 0,
        login: 'none',
        server: createOutsideServer({
          name,
          world,
          async connect(hooks, signal) {
            const [{ createConnect }, { savedLogin }] = await Promise.all([
              import('./connect.ts'),
              import('./login.ts'),
            ])
            const connect = createConnect(
              {
                world,
                table: deps.table,
                secrets: deps.secrets,
                baseEnv: deps.baseEnv,
                cwd: deps.home,
                runIdOf: (of) => runIds.get(of)!,
                version: deps.version,
              },
              name,
              server,
              () => savedLogin(logins, name, server),
            )
            return connect(hooks, signal)
          },
        }),
      },
    ]),
  )

  /** So that what a crash left of a server is found by its id. */
  async function nameProcesses(names: readonly string[]): Promise<Map<string, string>> {
    if (names.length === 0) return new Map()
    return store.transaction(async (tx) => {
      for (const name of names) {
        const row = { id: newId('toolserver', world.clock.now()), name }
        await tx
          .insertInto('toolserver')
          .values(row)
          .onConflict((found) => found.column('name').doNothing())
          .execute()
      }
      const rows = await tx.selectFrom('toolserver').selectAll().execute()
      return new Map(rows.map(({ id, name }) => [name, id]))
    })
  }

  /** The pins of a server, compared with what it says now where that may have changed. */
  async function look(place: Place, { isFresh }: { isFresh: boolean }): Promise<Pin[]> {
    const { name, server } = place
    const isOld = clock.monotonic() - place.listedAt > LIST_AGE_MS_MAX
    if (!isFresh && place.edition === server.edition && !isOld) return pins.list(name)
    // A connection that has yet to be made is the next edition; a change while it lists is one more, seen next time.
    const edition = server.state === 'ready' ? server.edition : server.edition + 1
    const tools = await server.list(closing.signal)
    const found = await pins.see(name, tools)
    place.edition = edition
    place.listedAt = clock.monotonic()
    return found
  }

  async function toolsFor(to: Taker): Promise<{ place: Place; pin: Pin; offered: OfferedTool }[]> {
    const found = await Promise.all(
      [...places.values()]
        .filter(({ config }) => isOfferedTo(to, config))
        .map(async (place) => ({ place, pins: await sightOf(place) })),
    )
    return found.flatMap(({ place, pins }) =>
      pins.flatMap((pin) => {
        const verdict = pin.isAlways ? allowUnlessDenied(pin.name, place.config) : verdictOf(pin.name, place.config)
        if (pin.state !== 'on' || pin.agreed === null || verdict === 'deny') return []
        const { title, description, inputSchema } = pin.agreed
        const offered = {
          name: offeredName(place.name, pin.name),
          title: clipLine(title ?? pin.name, 100),
          description: manyLines(description).slice(0, DESCRIPTION_MAX),
          inputSchema,
          verdict,
        }
        return [{ place, pin, offered }]
      }),
    )
  }

  /** What was agreed to; a server that was never seen is looked at first, for a little while. */
  async function sightOf(place: Place): Promise<Pin[]> {
    const known = await pins.list(place.name)
    if (known.length > 0 || place.server.state === 'login-needed') return known
    const looking = look(place, { isFresh: true }).catch((err) => {
      world.log.warn({ err, server: place.name }, 'tools not known')
      return [] as Pin[]
    })
    const enough = new AbortController()
    const late = clock.sleep(FIRST_SIGHT_MS, AbortSignal.any([enough.signal, closing.signal])).catch(() => {})
    const first = await Promise.race([looking, late.then(() => known)])
    enough.abort()
    return first
  }

  function placeOf(name: string): Place {
    const place = places.get(name)
    if (place) return place
    const near = nearest(name, [...places.keys()])
    throw new Fault('tool_not_found', `There is no tool server ${name}`, {
      hint: near ? `Did you mean ${near}?` : 'Servers stand in the configuration under mcp.servers.',
    })
  }

  async function viewOf(place: Place): Promise<ServerView> {
    const { name, config, server, login } = place
    const all = await pins.list(name)
    return {
      name,
      kind: config.command === undefined ? 'remote' : 'program',
      state: config.disabled ? 'disabled' : server.state,
      words: server.words,
      brain: config.brain,
      runs: config.runs,
      login,
      tools: all.map((pin) => ({
        name: pin.name,
        offeredAs: offeredName(name, pin.name),
        description: clipLine((pin.seen ?? pin.agreed)?.description ?? '', 300),
        verdict: pin.isAlways ? allowUnlessDenied(pin.name, config) : verdictOf(pin.name, config),
        state: pin.state,
      })),
    }
  }

  return {
    offered: async (to) => (await toolsFor(to)).map(({ offered }) => offered),
    async call({ to, who, name, input, onProgress }, waitMs, signal) {
      const all = await toolsFor(to)
      const found = all.find(({ offered }) => offered.name === name)
      if (!found)
        throw await missing(
          to,
          name,
          all.map(({ offered }) => offered.name),
        )
      const { place, pin, offered } = found
      const server = place.name
      if (offered.verdict === 'ask') {
        const answer = await askTool(who, { server, tool: pin.name, input }, waitMs, signal)
        if (answer.said === 'open') return { state: 'open', ask: answer.ask }
        if (answer.said === 'no') {
          throw new Fault('tool_refused', `The owner does not want ${pin.name} of ${server} called with this input`)
        }
        if (answer.said === 'always') await pins.allowAlways(server, pin.name)
      }
      // Only now, with the owner's word, is the server started; and it has to be the one that was agreed to.
      const now = (await look(place, { isFresh: place.server.state !== 'ready' })).find(
        (other) => other.name === pin.name,
      )
      if (now?.state !== 'on') throw changed(server, pin.name)
      const raw = await place.server.call(pin.name, input, {
        signal: AbortSignal.any([signal, closing.signal]),
        timeoutMs: place.config.timeoutSeconds * SECOND,
        ...(onProgress ? { onProgress } : {}),
      })
      const shape = {
        server,
        tool: pin.name,
        mark: randomBytes(6).toString('hex'),
        textMax: config.mcp.resultMaxKb * 1024,
        secrets: deps.secrets.known(),
      }
      world.log.info({ server, tool: pin.name, ...who }, 'tool called')
      return { state: 'answered', result: shapeResult(shape, raw) }
    },
    async list({ isFresh }) {
      const all = [...places.values()]
      if (isFresh) {
        await Promise.all(
          all
            .filter(({ config }) => !config.disabled)
            .map(async (place) => {
              place.server.retry()
              await look(place, { isFresh: true }).catch(() => {})
            }),
        )
      }
      return Promise.all(all.map(viewOf))
    },
    async agree(name, tool, by) {
      const place = placeOf(name)
      await look(place, { isFresh: true })
      const known = await pins.list(name)
      if (tool !== null && !known.some((pin) => pin.name === tool)) {
        const near = nearest(
          tool,
          known.map((pin) => pin.name),
        )
        throw new Fault('tool_not_found', `${name} has no tool ${tool}`, near ? { hint: `Did you mean ${near}?` } : {})
      }
      await pins.agree(name, tool, by)
      return viewOf(place)
    },
    async login(name) {
      const place = placeOf(name)
      const { beginLogin } = await import('./login.ts')
      const { url, done } = await beginLogin(logins, name, place.config)
      place.login = 'waiting'
      done.then(
        () => {
          place.login = 'done'
          place.server.retry()
        },
        (err) => {
          place.login = 'failed'
          world.log.warn({ err, server: name }, 'login failed')
        },
      )
      return { url }
    },
    async logout(name) {
      const place = placeOf(name)
      const { forgetLogin } = await import('./login.ts')
      forgetLogin(logins, name)
      place.login = 'none'
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all([...places.values()].map(({ server }) => server[Symbol.asyncDispose]()))
    },
  }

  async function missing(to: Taker, name: string, offered: readonly string[]): Promise<Fault> {
    for (const place of places.values()) {
      if (!isOfferedTo(to, place.config)) continue
      const pin = (await pins.list(place.name)).find((other) => offeredName(place.name, other.name) === name)
      if (!pin) continue
      if (pin.state !== 'on') return changed(place.name, pin.name)
      return new Fault('tool_refused', `The owner's configuration denies ${pin.name} of ${place.name}`)
    }
    const near = nearest(name, offered)
    return new Fault(
      'tool_not_found',
      `There is no tool ${clipLine(name, 100)}`,
      near ? { hint: `Did you mean ${near}?` } : {},
    )
  }
}

function changed(server: string, tool: string): Fault {
  return new Fault('tool_refused', `${tool} of ${server} is not what the owner agreed to any more, so it is off`, {
    hint: `Go on without it. The owner sees it with \`claw tools\` and turns it on with \`claw tools agree ${server} ${tool}\`.`,
  })
}

/** What a server's program gets of the daemon's environment; keys are not among it. */
export function outsideEnvironment({ env, path, ownerHome }: Pick<Host, 'env' | 'path' | 'ownerHome'>) {
  const kept = ['LANG', 'LC_ALL', 'TZ', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR', 'XDG_RUNTIME_DIR'] as const
  const values = kept.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]))
  return { ...Object.fromEntries(values), PATH: path, HOME: ownerHome }
}

function allowUnlessDenied(tool: string, server: McpServerConfig) {
  const verdict = verdictOf(tool, server)
  return verdict === 'ask' ? 'allow' : verdict
}
