/**
 * What the model of the demo answers. Only the answers are scripted: the daemon that asks, the agents that carry
 * them out, the repository, the checks and the landing are real.
 *
 * Two things go wrong on purpose. The counter is wrong at first, so that its check fails and the real output goes
 * back to the agent; and two tasks write the same place of a shared file, so that merging them has to be settled.
 */

import type { Script } from '../tests/model-server/exchange.ts'
import { firstOf, prompted, say, when, work } from '../tests/model-server/script.ts'

const head = "import assert from 'node:assert/strict'\nimport test from 'node:test'\n"

const LIMITER = `/** Lets each client through \`perMinute\` times in any minute. */
export function createLimiter({ perMinute, now = () => Date.now() }) {
  const calls = new Map()
  return {
    allow(client) {
      const since = now() - 60_000
      const recent = (calls.get(client) ?? []).filter((at) => at > since)
      if (recent.length >= perMinute) return false
      calls.set(client, [...recent, now()])
      return true
    },
  }
}
`
const LIMITER_TEST = `${head}import { createLimiter } from '../src/limiter.js'

test('lets a client through so often in a minute, and again in the next', () => {
  let at = 0
  const limiter = createLimiter({ perMinute: 2, now: () => at })
  assert.deepEqual([limiter.allow('a'), limiter.allow('a'), limiter.allow('a')], [true, true, false])
  assert.equal(limiter.allow('b'), true, 'another client has a budget of its own')
  at = 60_001
  assert.equal(limiter.allow('a'), true)
})
`
const VALIDATE = `/** Says what is wrong with a note; undefined where nothing is. */
export function validateNote(note) {
  if (typeof note?.text !== 'string') return 'a note needs a text'
  if (note.text.trim() === '') return 'a note must not be empty'
  if (note.text.length > 1000) return 'a note has at most 1000 characters'
  return undefined
}
`
const VALIDATE_TEST = `${head}import { validateNote } from '../src/validate.js'

test('lets good notes pass and says what is wrong with others', () => {
  assert.equal(validateNote({ text: 'buy milk' }), undefined)
  assert.match(validateNote({}), /needs a text/)
  assert.match(validateNote({ text: '   ' }), /empty/)
  assert.match(validateNote({ text: 'x'.repeat(1001) }), /1000/)
})
`
/** Wrong: \`total\` counts names, not answers. */
const COUNTER_WRONG = `/** Counts answers by status. */
export function createCounter() {
  const counts = {}
  return {
    count(status) {
      counts[status] = (counts[status] ?? 0) + 1
    },
    read: () => ({ ...counts, total: Object.keys(counts).length }),
  }
}
`
const COUNTER = COUNTER_WRONG.replace(
  'Object.keys(counts).length',
  'Object.values(counts).reduce((sum, n) => sum + n, 0)',
)
const COUNTER_TEST = `${head}import { createCounter } from '../src/counter.js'

test('counts answers by status, and all of them', () => {
  const counter = createCounter()
  for (const status of [200, 200, 404]) counter.count(status)
  assert.deepEqual(counter.read(), { 200: 2, 404: 1, total: 3 })
})
`
const SERVICE = `import { createCounter } from './counter.js'
import { createLimiter } from './limiter.js'
import { validateNote } from './validate.js'

/** Notes in memory: \`handle\` takes a request and gives a response, both plain objects. */
export function createService({ writesPerMinute = 60, now } = {}) {
  const notes = []
  const counter = createCounter()
  const limiter = createLimiter({ perMinute: writesPerMinute, ...(now ? { now } : {}) })

  function answer({ method, path, body, client }) {
    if (path === '/metrics') return { status: 200, body: counter.read() }
    if (path !== '/notes') return { status: 404 }
    if (method === 'GET') return { status: 200, body: notes }
    if (method !== 'POST') return { status: 405 }
    if (!limiter.allow(client)) return { status: 429 }
    const wrong = validateNote(body)
    if (wrong) return { status: 400, body: { error: wrong } }
    notes.push(body)
    return { status: 201, body }
  }

  return {
    handle(request) {
      const response = answer(request)
      counter.count(response.status)
      return response
    },
  }
}
`
const WIRED_TEST = `${head}import { createService } from '../src/index.js'

test('limits writers, refuses bad notes and counts what it answers', () => {
  const service = createService({ writesPerMinute: 2 })
  const post = (body) => service.handle({ method: 'POST', path: '/notes', body, client: 'a' }).status
  assert.deepEqual([post({ text: 'one' }), post({ text: '' }), post({ text: 'three' })], [201, 400, 429])
  const metrics = service.handle({ method: 'GET', path: '/metrics', client: 'a' }).body
  assert.deepEqual(metrics, { 201: 1, 400: 1, 429: 1, total: 3 })
})
`
const INDEX = "// What the service offers to other modules.\nexport { createService } from './service.js'\n"
const line = (names: string, file: string) => `export { ${names} } from './${file}.js'\n`

const check = (file: string, name: string) => ({
  name,
  command: `node --test acceptance/${file}.test.js`,
  kind: 'fails-before',
  timeoutSeconds: 60,
  network: null,
})

const PLAN = {
  summary:
    'Three modules that do not know each other (a limiter, a validator, a counter), made side by side, then one task that wires them into the service.',
  sharedPaths: ['src/index.js'],
  checks: [{ name: 'the test suite', command: 'npm test', kind: 'holds', timeoutSeconds: 120, network: null }],
  questions: [],
  tasks: [
    {
      key: 'limiter',
      title: 'Limit how often a client may write',
      kind: 'change',
      brief:
        'Write src/limiter.js with createLimiter({ perMinute, now }): its allow(client) says whether the client is still within its calls of the last minute. Export it from src/index.js.',
      needs: [],
      footprint: ['src/limiter.js'],
      checks: [check('limiter', 'the limiter limits')],
      overlay: [{ path: 'acceptance/limiter.test.js', content: LIMITER_TEST }],
      agent: null,
      credentials: [],
      act: null,
    },
    {
      key: 'validate',
      title: 'Refuse bad notes',
      kind: 'change',
      brief:
        'Write src/validate.js with validateNote(note): undefined for a good note, else what is wrong in words. Export it from src/index.js.',
      needs: [],
      footprint: ['src/validate.js'],
      checks: [check('validate', 'bad notes are refused')],
      overlay: [{ path: 'acceptance/validate.test.js', content: VALIDATE_TEST }],
      agent: null,
      credentials: [],
      act: null,
    },
    {
      key: 'counter',
      title: 'Count what is served',
      kind: 'change',
      brief:
        'Write src/counter.js with createCounter(): count(status) counts an answer, read() gives the counts by status and their total.',
      needs: [],
      footprint: ['src/counter.js'],
      checks: [check('counter', 'the counter counts')],
      overlay: [{ path: 'acceptance/counter.test.js', content: COUNTER_TEST }],
      agent: null,
      credentials: [],
      act: null,
    },
    {
      key: 'wire',
      title: 'Wire it into the service',
      kind: 'change',
      brief:
        'Use the limiter for writes (429), the validator (400) and the counter (GET /metrics) in src/service.js, and test it in test/wired.test.js.',
      needs: ['limiter', 'validate', 'counter'],
      footprint: ['src/service.js', 'test/wired.test.js'],
      checks: [check('wired', 'the service limits, refuses and counts')],
      overlay: [{ path: 'acceptance/wired.test.js', content: WIRED_TEST }],
      agent: null,
      credentials: [],
      act: null,
    },
  ],
}

const REVIEW = { summary: 'The change does what the task asks for and nothing else.', findings: [] }

/** A prompt of the daemon's about one task. */
const about = (title: string) => new RegExp(`(Task|task) \\d+\\.\\d+[^\\n]{0,4}${title}`)

/** The same answer for APIs that take a schema and for those that are told of it in words. */
const inJson = (value: unknown) => ({ json: value, say: JSON.stringify(value) })

export const demoScript: Script = firstOf([
  when((request) => /You plan work for coding agents/.test(request.system), inJson(PLAN)),
  when((request) => /You review one change/.test(request.system), inJson(REVIEW)),
  when(
    prompted(/^# Settle a conflict/m),
    work([
      { read: 'src/index.js' },
      {
        write: {
          path: 'src/index.js',
          content: INDEX + line('createLimiter', 'limiter') + line('validateNote', 'validate'),
        },
      },
      { say: 'Both modules added a line at the same place of src/index.js; both lines are there now.' },
    ]),
  ),
  when(
    prompted(/Your work on task[\s\S]*counter/),
    work([
      { read: 'src/counter.js' },
      { write: { path: 'src/counter.js', content: COUNTER } },
      { run: 'node --check src/counter.js' },
      { say: 'total counted the kinds of answer, not the answers. It adds up the counts now.' },
    ]),
  ),
  when(
    prompted(about('Limit how often')),
    work([
      { read: 'src/service.js' },
      { write: { path: 'src/limiter.js', content: LIMITER } },
      { write: { path: 'src/index.js', content: INDEX + line('createLimiter', 'limiter') } },
      { say: 'src/limiter.js holds the limiter; src/index.js exports it.' },
    ]),
  ),
  when(
    prompted(about('Refuse bad notes')),
    work([
      { write: { path: 'src/validate.js', content: VALIDATE } },
      { write: { path: 'src/index.js', content: INDEX + line('validateNote', 'validate') } },
      { say: 'src/validate.js says what is wrong with a note; src/index.js exports it.' },
    ]),
  ),
  when(
    prompted(about('Count what is served')),
    work([
      { write: { path: 'src/counter.js', content: COUNTER_WRONG } },
      { say: 'src/counter.js counts answers by status and in total.' },
    ]),
  ),
  when(
    prompted(about('Wire it into')),
    work([
      { read: 'src/service.js' },
      { write: { path: 'src/service.js', content: SERVICE } },
      { write: { path: 'test/wired.test.js', content: WIRED_TEST } },
      { run: 'npm test' },
      { say: 'The service uses all three; test/wired.test.js shows it.' },
    ]),
  ),
  say('Done.'),
])
