import { expect, test } from 'vitest'
import { odd, openOutside } from './room.ts'

const forRuns = { runs: true, tools: { search: 'allow' } }

test('a server is started when its tools are first wanted, and nothing of it is left afterwards', async () => {
  await using room = await openOutside({ docs: odd('stubborn', forRuns) })
  expect(await room.alive()).toEqual([])
  expect((await room.tools.offered('runs')).map(({ name, verdict }) => [name, verdict])).toEqual([
    ['docs__delete_all', 'ask'],
    ['docs__search', 'allow'],
  ])
  const answer = await room.call('docs__search', { q: 'limits' })
  expect(answer).toMatchObject({ state: 'answered', result: { isError: false } })
  expect(JSON.stringify(answer)).toContain('found limits')
  expect((await room.alive()).length).toBeGreaterThan(0)
  await room.tools[Symbol.asyncDispose]()
  expect(await room.alive()).toEqual([])
})

test('what is known of a server is offered without starting it', async () => {
  await using room = await openOutside({ docs: odd('good', forRuns) })
  await room.tools.offered('runs')
  await room.tools[Symbol.asyncDispose]()
  await using again = await room.open()
  expect((await again.offered('runs')).length).toBe(2)
  expect(await room.alive()).toEqual([])
})

test('runs get tools only of servers that the owner gave to runs; the brain only of its own', async () => {
  await using room = await openOutside({
    a: odd('good', { runs: true, brain: false }),
    b: odd('good', {}),
    c: odd('good', { runs: true, disabled: true }),
  })
  expect((await room.tools.offered('runs')).map(({ name }) => name)).toEqual(['a__delete_all', 'a__search'])
  expect((await room.tools.offered('brain')).map(({ name }) => name)).toEqual(['b__delete_all', 'b__search'])
  await expect(room.call('b__search')).rejects.toMatchObject({ code: 'tool_not_found' })
  await expect(room.call('c__search')).rejects.toMatchObject({ code: 'tool_not_found' })
})

test('a tool that the configuration denies is neither offered nor called', async () => {
  await using room = await openOutside({
    docs: odd('good', { runs: true, tools: { 'delete_*': 'deny', '*': 'allow' } }),
  })
  expect((await room.tools.offered('runs')).map(({ name }) => name)).toEqual(['docs__search'])
  await expect(room.call('docs__delete_all')).rejects.toMatchObject({ code: 'tool_refused' })
})

test('an ask waits in the inbox; the answer is for that call, and a yes is used up', async () => {
  await using room = await openOutside({ docs: odd('good', { runs: true }) })
  expect(await room.call('docs__search')).toEqual({ state: 'open', ask: 1 })
  expect(await room.call('docs__search')).toEqual({ state: 'open', ask: 1 })
  await room.runInbox.answer('1', { choice: 'allow', by: 'test' })
  expect(await room.call('docs__search')).toMatchObject({ state: 'answered' })
  expect(await room.call('docs__search')).toEqual({ state: 'open', ask: 2 })
  await room.runInbox.answer('2', { choice: 'reject', by: 'test' })
  await expect(room.call('docs__search')).rejects.toMatchObject({ code: 'tool_refused' })
  await expect(room.call('docs__search')).rejects.toMatchObject({ code: 'tool_refused' })
  expect(await room.call('docs__search', { q: 'other' })).toEqual({ state: 'open', ask: 3 })
})

test('always is kept over a restart, and a call that waits hears the answer', async () => {
  await using room = await openOutside({ docs: odd('good', { runs: true }) })
  const waiting = room.call('docs__search', { q: 'x' }, null)
  const [ask] = await until(
    () => room.runInbox.list(),
    (asks) => asks.length === 1,
  )
  await room.runInbox.answer(String(ask!.number), { choice: 'always', by: 'test' })
  expect(await waiting).toMatchObject({ state: 'answered' })
  await room.tools[Symbol.asyncDispose]()
  await using again = await room.open()
  const call = { to: 'runs' as const, who: room.who, name: 'docs__search', input: { q: 'z' } }
  expect(await again.call(call, 0, new AbortController().signal)).toMatchObject({ state: 'answered' })
})

test('secrets are referred to, reach the server, and never come back', async () => {
  const env = { DOCS_KEY: 'sesame-open-1234' }
  await using room = await openOutside(
    {
      docs: odd('leaks', { ...forRuns, env: { API_KEY: 'env:DOCS_KEY' } }),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as clients write it
      poor: odd('good', { ...forRuns, env: { A: '${NOPE}' } }),
    },
    { env },
  )
  const answer = JSON.stringify(await room.call('docs__search'))
  expect(answer).toContain('the key is [secret]')
  expect(room.secrets.known()).toContain('sesame-open-1234')
  await expect(room.call('poor__search')).rejects.toMatchObject({ code: 'tool_not_found' })
  expect((await room.tools.list({ isFresh: false })).find(({ name }) => name === 'poor')).toMatchObject({
    state: 'failed',
    words: 'NOPE is not set',
  })
})

async function until<T>(look: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look()
    if (isSo(value)) return value
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
