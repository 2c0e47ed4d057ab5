/** Channels and people: set up, looked at and taken away by whoever holds the daemon's token. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Hono } from 'hono'
import { z } from 'zod'
import { readText, withKeys, writeWhole } from '../../config/config-text.ts'
import { Fault } from '../../core/fault.ts'
import { Person, Role } from '../../core/person.ts'
import { CHANNEL_KINDS, kindNamed } from '../channels/kinds.ts'
import { TERMINAL } from '../channels/terminal-channel.ts'
import type { ChatParts } from '../conversation/create-chat.ts'
import { PairInput } from '../people/people.ts'
import { EmptyBody } from './bodies.ts'
import { actor } from './by.ts'
import { body } from './valid.ts'

export interface ChannelRouteDeps {
  chat?: Pick<ChatParts, 'channels' | 'people'> & {
    configFile: string
    secretsDir: string
    /** Written into the record. */
    record(
      event:
        | { type: 'channel.added'; data: { channel: string; kind: string; by: string } }
        | { type: 'channel.removed'; data: { channel: string; by: string } },
    ): Promise<void>
  }
}

export const AddChannelBody = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'lower-case letters, digits and dashes')
    .describe('What to call it.'),
  config: z.record(z.string(), z.unknown()).describe('Its keys as under `channels.NAME`, `kind` among them.'),
  secrets: z
    .record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9]{0,40}$/), z.string().min(1).max(10_000))
    .default({})
    .describe('Keys of it that are secret, as they are: kept in files of their own.'),
})

export const RoleBody = z.strictObject({ role: Role })

const checked = z.object({ account: z.string(), words: z.array(z.string()) })
export const CheckedSchema = checked.extend({ name: z.string() })
export const ChannelListSchema = z.object({
  channels: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      state: z.enum(['ready', 'opening', 'troubled']),
      words: z.string(),
    }),
  ),
})
export const ChannelKindsSchema = z.object({
  kinds: z.array(
    z.object({
      kind: z.string(),
      title: z.string(),
      steps: z.array(z.string()),
      fields: z.array(
        z.object({
          key: z.string(),
          title: z.string(),
          hint: z.string(),
          isSecret: z.boolean(),
          fallback: z.union([z.string(), z.number(), z.boolean()]).nullable().optional(),
          kind: z.enum(['text', 'number', 'boolean']),
        }),
      ),
    }),
  ),
})
export const PersonViewSchema = z.object({
  person: Person,
  accounts: z.array(z.object({ channel: z.string(), senderId: z.string(), name: z.string() })),
})
export const PeopleSchema = z.object({
  people: z.array(PersonViewSchema),
  waiting: z.array(z.object({ channel: z.string(), senderName: z.string(), createdAt: z.int(), expiresAt: z.int() })),
})

export function channelRoutes({ chat }: ChannelRouteDeps) {
  const those = () => those_(chat)
  return new Hono()
    .get('/', (c) => c.json({ channels: those().channels.list() }))
    .get('/kinds', (c) =>
      c.json({
        kinds: CHANNEL_KINDS.map(({ kind, title, steps, fields }) => ({
          kind,
          title,
          steps: [...steps],
          fields: [...fields],
        })),
      }),
    )
    .post('/', body(AddChannelBody), async (c) => {
      const { name, config, secrets } = c.req.valid('json')
      const { channels, configFile, secretsDir, record } = those()
      if (name === TERMINAL)
        throw new Fault('input_invalid', `${TERMINAL} is the name of the conversation at this machine`)
      const files = Object.fromEntries(Object.keys(secrets).map((key) => [key, join(secretsDir, `${name}-${key}`)]))
      const references = Object.fromEntries(Object.entries(files).map(([key, file]) => [key, `file:${file}`]))
      const byReference = Object.fromEntries(
        Object.entries(secrets).map(([key, value]) => [references[key]!, value.trim()]),
      )
      assertSecrets(String(config['kind']), secrets)
      const found = await channels.check(name, { ...config, ...references }, byReference)
      mkdirSync(secretsDir, { recursive: true, mode: 0o700 })
      for (const [key, value] of Object.entries(secrets))
        writeFileSync(files[key]!, `${value.trim()}\n`, { mode: 0o600, flush: true })
      const text = withKeys(readText(configFile), configFile, [[`channels.${name}`, { ...config, ...references }]])
      writeWhole(configFile, text)
      await channels.open(name, found.config)
      await record({ type: 'channel.added', data: { channel: name, kind: found.config.kind, by: actor(c) } })
      return c.json({ name, ...found.checked }, 201)
    })
    .post('/:channel/test', body(EmptyBody), async (c) => {
      const name = c.req.param('channel')
      return c.json({ name, ...(await those().channels.test(name)) })
    })
    .delete('/:channel', async (c) => {
      const name = c.req.param('channel')
      const { channels, configFile, secretsDir, record } = those()
      const before = channels.list()
      if (name === TERMINAL) throw new Fault('input_invalid', `${TERMINAL} is always there`)
      const kind = before.find((one) => one.name === name)?.kind
      await channels.close(name)
      writeWhole(configFile, withKeys(readText(configFile), configFile, [[`channels.${name}`, undefined]]))
      for (const { key, isSecret } of kind ? kindNamed(kind).fields : []) {
        if (isSecret) rmSync(join(secretsDir, `${name}-${key}`), { force: true })
      }
      await record({ type: 'channel.removed', data: { channel: name, by: actor(c) } })
      return c.json({ channels: channels.list() })
    })
}

export function peopleRoutes({ chat }: ChannelRouteDeps) {
  const people = () => those_(chat).people
  return new Hono()
    .get('/', async (c) => c.json(await people().list()))
    .post('/pair', body(PairInput), async (c) => c.json(await people().pair(c.req.valid('json'), actor(c)), 201))
    .post('/:person/role', body(RoleBody), async (c) =>
      c.json(await people().setRole(c.req.param('person'), c.req.valid('json').role, actor(c))),
    )
    .delete('/:person', async (c) => {
      await people().remove(c.req.param('person'), actor(c))
      return c.json(await people().list())
    })
}

function those_<T>(chat: T | undefined): T {
  if (!chat) throw new Fault('route_not_found', 'This daemon has no conversation')
  return chat
}

/** Only what is secret goes into a file of its own. */
function assertSecrets(kind: string, secrets: Readonly<Record<string, string>>): void {
  const secret = kindNamed(kind)
    .fields.filter(({ isSecret }) => isSecret)
    .map(({ key }) => key)
  const wrong = Object.keys(secrets).find((key) => !secret.includes(key))
  if (wrong) throw new Fault('input_invalid', `"${wrong}" is no secret of ${kind}; those are ${secret.join(', ')}`)
}
