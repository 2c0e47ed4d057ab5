/** The small repository that the demo works on: a notes service with a test suite of its own and no dependencies. */
export const FILES: Readonly<Record<string, string>> = {
  'package.json': `${JSON.stringify({ name: 'notes-service', version: '1.0.0', private: true, type: 'module', scripts: { test: 'node --test' } }, null, 2)}\n`,
  'README.md': '# Notes service\n\nKeeps short notes in memory. `npm test` runs the tests.\n',
  'src/index.js': "// What the service offers to other modules.\nexport { createService } from './service.js'\n",
  'src/service.js': `/** Notes in memory: \`handle\` takes a request and gives a response, both plain objects. */
export function createService() {
  const notes = []
  return {
    handle({ method, path, body }) {
      if (path !== '/notes') return { status: 404 }
      if (method === 'GET') return { status: 200, body: notes }
      if (method === 'POST') {
        notes.push(body)
        return { status: 201, body }
      }
      return { status: 405 }
    },
  }
}
`,
  'test/service.test.js': `import assert from 'node:assert/strict'
import test from 'node:test'
import { createService } from '../src/index.js'

const request = (method, path, body) => ({ method, path, body, client: 'somebody' })

test('keeps a note', () => {
  const service = createService()
  assert.equal(service.handle(request('POST', '/notes', { text: 'buy milk' })).status, 201)
  assert.deepEqual(service.handle(request('GET', '/notes')).body, [{ text: 'buy milk' }])
})

test('knows no other path', () => {
  assert.equal(createService().handle(request('GET', '/secrets')).status, 404)
})
`,
}

export const GOAL =
  'Make the notes service ready for the public: limit how often a client may write, refuse bad notes, count what is served, and wire all of it into the service. Keep the tests green.'
