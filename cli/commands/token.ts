import type { OwnerToken } from '../../daemon/mcp/tokens.ts'
import { connect } from '../daemon.ts'
import type { Surface } from '../surface.ts'
import { ago, oneLine, pad } from '../text.ts'

export interface CreateOptions {
  readOnly?: boolean
  days?: number
}

export async function create(surface: Surface, name: string, options: CreateOptions): Promise<void> {
  const client = await connect(surface, { start: true })
  const json = { name, scope: options.readOnly ? ('read' as const) : ('act' as const), days: options.days ?? null }
  const made = (await (await client.v1.tokens.$post({ json })).json()) as { token: OwnerToken; secret: string }
  if (surface.isJson) return surface.printJson(made)
  surface.print(made.secret)
  surface.say('Shown this once; only its hash is kept. A client sends it as: Authorization: Bearer …')
}

export async function list(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: true })
  const { tokens } = (await (await client.v1.tokens.$get()).json()) as { tokens: OwnerToken[] }
  if (surface.isJson) return surface.printJson(tokens)
  if (tokens.length === 0) return surface.say('There are no tokens.')
  const now = surface.now()
  for (const { name, scopes, createdAt, lastUsedAt, expiresAt } of tokens) {
    const used = lastUsedAt === null ? 'never used' : `used ${ago(lastUsedAt, now)}`
    const over =
      expiresAt === null
        ? ''
        : expiresAt <= now
          ? ', expired'
          : `, until ${new Date(expiresAt).toISOString().slice(0, 10)}`
    surface.print(
      `${pad(oneLine(name), 20)} ${scopes.includes('act') ? 'everything' : 'read only '}  made ${ago(createdAt, now)}, ${used}${over}`,
    )
  }
}

export async function revoke(surface: Surface, name: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const token = (await (await client.v1.tokens[':token'].$delete({ param: { token: name } })).json()) as OwnerToken
  if (surface.isJson) surface.printJson(token)
  else surface.print(`${oneLine(token.name)} opens nothing any more.`)
}
