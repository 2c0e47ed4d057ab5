import { expect, test } from 'vitest'
import { DAY, MINUTE } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { openRunTokens } from '../../../daemon/mcp/run-tokens.ts'
import { createTokens } from '../../../daemon/mcp/tokens.ts'
import { moveRun } from '../../../daemon/store/rows.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { addTwoGoals } from '../../fakes/mcp-place.ts'

function aPlace() {
  const store = openSqliteStore(':memory:')
  const clock = createFakeClock()
  const world = { clock, log: silentLog }
  return {
    store,
    clock,
    world,
    tokens: createTokens({ store, world }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

test('the secret is nowhere in the database', async () => {
  await using place = aPlace()
  const { secret } = await place.tokens.create({ name: 'laptop', scopes: ['read', 'act'], days: null })
  const rows = JSON.stringify(await place.store.db.selectFrom('token').selectAll().execute())
  expect(secret).toMatch(/^claw_[\w-]{43}$/)
  expect(rows).not.toContain(secret.slice(5, 20))
})

test('a token is found by its secret, also after a restart', async () => {
  await using place = aPlace()
  const { token, secret } = await place.tokens.create({ name: 'laptop', scopes: ['read'], days: null })
  expect(await place.tokens.find(secret)).toMatchObject({ id: token.id, name: 'laptop', scopes: ['read'] })
  const again = createTokens(place)
  expect(await again.find(secret)).toMatchObject({ id: token.id })
  expect(await again.find(`${secret}x`)).toBeUndefined()
  expect(await again.find('')).toBeUndefined()
})

test('a revoked token opens nothing at once, nor after a restart, and its name is free', async () => {
  await using place = aPlace()
  const { secret } = await place.tokens.create({ name: 'laptop', scopes: ['act'], days: null })
  await place.tokens.revoke('laptop')
  expect(await place.tokens.find(secret)).toBeUndefined()
  expect(await createTokens(place).find(secret)).toBeUndefined()
  expect(await place.tokens.list()).toEqual([])
  await place.tokens.create({ name: 'laptop', scopes: ['act'], days: null })
})

test('a token expires', async () => {
  await using place = aPlace()
  const { secret } = await place.tokens.create({ name: 'phone', scopes: ['act'], days: 2 })
  place.clock.jump(2 * DAY - 1)
  expect(await place.tokens.find(secret)).toBeDefined()
  place.clock.jump(1)
  expect(await place.tokens.find(secret)).toBeUndefined()
})

test('a name is taken once, and an unknown one suggests the nearest', async () => {
  await using place = aPlace()
  await place.tokens.create({ name: 'laptop', scopes: ['act'], days: null })
  await expect(place.tokens.create({ name: 'laptop', scopes: ['act'], days: null })).rejects.toMatchObject({
    code: 'input_invalid',
  })
  await expect(place.tokens.revoke('lapto')).rejects.toMatchObject({ hint: 'Did you mean laptop?' })
})

test('last used is noted, at most once a minute', async () => {
  await using place = aPlace()
  const { secret } = await place.tokens.create({ name: 'laptop', scopes: ['act'], days: null })
  const noted = async () =>
    (await place.store.db.selectFrom('token').select('lastUsedAt').executeTakeFirstOrThrow()).lastUsedAt
  const first = place.clock.now()
  await place.tokens.find(secret)
  await expect.poll(noted, { timeout: 10_000 }).toBe(first)
  place.clock.jump(MINUTE - 1)
  await place.tokens.find(secret)
  place.clock.jump(1)
  const later = place.clock.now()
  await place.tokens.find(secret)
  await expect.poll(noted, { timeout: 10_000 }).toBe(later)
})

test('a run’s token is the same after a restart, and goes with the run', async () => {
  await using place = aPlace()
  await addTwoGoals(place)
  const first = (await openRunTokens(place.store)).mint('run_11')
  const runTokens = await openRunTokens(place.store)
  expect(runTokens.mint('run_11')).toBe(first)
  expect(await runTokens.find(first)).toBe('run_11')
  await place.store.transaction((tx) => moveRun(tx, 'run_11', 'ended', { outcome: 'done' }))
  expect(await runTokens.find(first)).toBeUndefined()
})

test.each([
  ['another run’s seal', (a: string, b: string) => a.replace(/[^.]+$/, b.split('.').at(-1)!)],
  ['a run that does not exist', (a: string) => a.replace('run_11', 'run_99')],
  ['no seal', (a: string) => a.replace(/\.[^.]+$/, '.')],
  ['half a seal', (a: string) => a.slice(0, -20)],
  ['a part too many', (a: string) => `${a}.x`],
  ['another beginning', (a: string) => a.replace('clawrun', 'claw')],
])('a run’s token with %s opens nothing', async (_, forge) => {
  await using place = aPlace()
  await addTwoGoals(place)
  const tokens = await openRunTokens(place.store)
  expect(await tokens.find(forge(tokens.mint('run_11'), tokens.mint('run_12')))).toBeUndefined()
})

test('another daemon’s seal is not ours', async () => {
  await using place = aPlace()
  await using other = aPlace()
  await addTwoGoals(place)
  expect(
    await (await openRunTokens(place.store)).find((await openRunTokens(other.store)).mint('run_11')),
  ).toBeUndefined()
})
