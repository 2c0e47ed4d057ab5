/**
 * The owner's logins at remote servers: OAuth by the SDK's client, kept in a file of mode 0600 per server.
 *
 * A login is begun by the owner (`claw tools login`), who gets an address to open; the browser comes back to a port
 * on 127.0.0.1 that is open for that one answer. Afterwards the SDK refreshes the token by itself.
 */
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import type { McpServerConfig } from '../../config/schema.ts'
import { MINUTE } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { Secrets } from '../secrets/secrets.ts'
import { boundedFetch } from './bounded-fetch.ts'
import { LoginNeeded } from './outside-server.ts'
import { resolveText } from './references.ts'

interface Kept {
  redirectUrl: string
  client?: StoredOAuthClientInformation
  tokens?: StoredOAuthTokens
  discovery?: OAuthDiscoveryState
}

export interface LoginDeps {
  world: World
  /** Where the files are; made when the first is written. */
  folder: string
  secrets: Secrets
}

export interface BegunLogin {
  /** For the owner's browser. */
  url: string
  /** Resolves when the owner is back and the token is on the disk. */
  done: Promise<void>
}

const LOGIN_MS_MAX = 5 * MINUTE
const ANSWER_BYTES_MAX = 2 ** 20

/** The saved login of a server, for its connections; undefined where the owner never logged in. */
export function savedLogin(deps: LoginDeps, name: string, server: McpServerConfig): OAuthClientProvider | undefined {
  const kept = read(fileOf(deps, name))
  if (!kept?.tokens) return undefined
  return providerOf(deps, name, server, kept, () => {
    throw new LoginNeeded('its login has ended')
  })
}

export function forgetLogin(deps: LoginDeps, name: string): void {
  rmSync(fileOf(deps, name), { force: true })
}

/** Throws tool_server_unavailable where the server wants no login or cannot be reached. */
export async function beginLogin(deps: LoginDeps, name: string, server: McpServerConfig): Promise<BegunLogin> {
  if (server.url === undefined)
    throw new Fault('input_invalid', `${name} is a program on this machine: it has no login`)
  const back = Promise.withResolvers<URLSearchParams>()
  back.promise.catch(() => {})
  const state = randomBytes(16).toString('hex')
  const door = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const isOurs = request.method === 'GET' && url.pathname === '/callback' && url.searchParams.get('state') === state
    response.writeHead(isOurs ? 200 : 404, { 'content-type': 'text/plain; charset=utf-8' })
    response.end(isOurs ? 'Claw has heard. You may close this page.\n' : 'Nothing here.\n')
    if (isOurs) back.resolve(url.searchParams)
  })
  await new Promise<void>((resolve, reject) => {
    door.once('error', reject)
    door.listen(0, '127.0.0.1', resolve)
  })
  const limit = deps.world.clock.after(LOGIN_MS_MAX, () =>
    back.reject(
      new Fault('tool_server_unavailable', `Nobody logged in to ${name} within ${LOGIN_MS_MAX / MINUTE} minutes`),
    ),
  )
  const shut = () => {
    limit[Symbol.dispose]()
    door.close()
    door.closeAllConnections()
  }
  try {
    const redirectUrl = `http://127.0.0.1:${(door.address() as AddressInfo).port}/callback`
    let url: string | undefined
    const provider = providerOf(
      deps,
      name,
      server,
      { redirectUrl },
      (to) => {
        url = to.href
      },
      state,
    )
    const address = new URL(await resolveText(server.url, deps.secrets))
    const fetchOf = boundedFetch(ANSWER_BYTES_MAX, () => {})
    const transport = new StreamableHTTPClientTransport(address, { authProvider: provider, fetch: fetchOf })
    await transport.start()
    try {
      // Anything that wants a token will do; a server that does not, needs no login.
      const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'claw', version: '1' } }
      await transport.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: hello })
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error
    }
    if (url === undefined) throw new Error('it wants no login')
    const done = back.promise
      .then((params) => {
        if (params.has('error'))
          throw new Fault('tool_server_unavailable', `${name} did not let you in: ${params.get('error')}`)
        return transport.finishAuth(params)
      })
      .finally(async () => {
        shut()
        await transport.close()
      })
    return { url, done }
  } catch (error) {
    shut()
    throw new Fault('tool_server_unavailable', `No login at ${name} was possible: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function providerOf(
  deps: LoginDeps,
  name: string,
  { oauth = {} }: McpServerConfig,
  start: Kept,
  onRedirect: (url: URL) => void,
  state?: string,
): OAuthClientProvider {
  const file = fileOf(deps, name)
  let kept = start
  let verifier = ''
  const hide = (tokens: StoredOAuthTokens | undefined) => {
    for (const value of [tokens?.access_token, tokens?.refresh_token]) if (value) deps.secrets.hide(value)
  }
  hide(kept.tokens)
  const keep = (change: Partial<Kept>) => {
    kept = { ...kept, ...change }
    write(file, kept)
  }
  return {
    get redirectUrl() {
      return kept.redirectUrl
    },
    get clientMetadata() {
      return {
        client_name: 'Claw',
        redirect_uris: [kept.redirectUrl],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: oauth.clientSecret ? 'client_secret_post' : 'none',
        ...(oauth.scope ? { scope: oauth.scope } : {}),
      }
    },
    ...(state === undefined ? {} : { state: () => state }),
    clientInformation: async () =>
      oauth.clientId
        ? {
            client_id: oauth.clientId,
            ...(oauth.clientSecret ? { client_secret: await resolveText(oauth.clientSecret, deps.secrets) } : {}),
          }
        : kept.client,
    saveClientInformation: (client) => void keep({ client }),
    tokens: () => kept.tokens,
    saveTokens(tokens) {
      hide(tokens)
      keep({ tokens })
    },
    redirectToAuthorization: onRedirect,
    saveCodeVerifier(text) {
      verifier = text
    },
    codeVerifier: () => verifier,
    saveDiscoveryState: (discovery) => void keep({ discovery }),
    discoveryState: () => kept.discovery,
    invalidateCredentials(scope) {
      const { redirectUrl, client, tokens, discovery } = kept
      kept = {
        redirectUrl,
        ...(client && scope !== 'all' && scope !== 'client' ? { client } : {}),
        ...(tokens && scope !== 'all' && scope !== 'tokens' ? { tokens } : {}),
        ...(discovery && scope !== 'all' && scope !== 'discovery' ? { discovery } : {}),
      }
      write(file, kept)
    },
  }
}

/** A name may hold a slash; the file's may not. */
function fileOf({ folder }: LoginDeps, name: string): string {
  return join(folder, `${createHash('sha256').update(name).digest('hex').slice(0, 24)}.json`)
}

function read(file: string): Kept | undefined {
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept
  } catch {
    // Half a file of a crash: the owner logs in again.
    return undefined
  }
}

function write(file: string, kept: Kept): void {
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
  const draft = `${file}.new`
  rmSync(draft, { force: true })
  writeFileSync(draft, JSON.stringify(kept), { mode: 0o600, flag: 'wx' })
  chmodSync(draft, 0o600)
  renameSync(draft, file)
}
