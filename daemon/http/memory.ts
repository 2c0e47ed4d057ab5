import { isAbsolute } from 'node:path'
import { Hono } from 'hono'
import { Fault } from '../../core/fault.ts'
import type { Scope } from '../../memory/note.ts'
import { EmptyBody } from './bodies.ts'
import { type Fetching, ImportBody, RecallBody } from './memory-shapes.ts'
import { type NoteRouteDeps, nameAll, roomOf } from './notes.ts'
import { body } from './valid.ts'

export function recallRoutes({ memory, rooms }: NoteRouteDeps) {
  return new Hono().post('/', body(RecallBody), async (c) => {
    const { question, scopes, kinds, limit, tokensMax } = c.req.valid('json')
    const found = await Promise.all(scopes.map((scope) => rooms.find(scope)))
    const recalled = await (await memory.open()).recall(question, {
      scopes: found.includes('all') ? 'all' : (found as Scope[]),
      ...(kinds ? { kinds } : {}),
      limit,
      tokensMax,
    })
    return c.json({ ...recalled, rooms: await nameAll(rooms, recalled.passages) })
  })
}

export function memoryRoutes({ memory, rooms }: NoteRouteDeps) {
  /** For whoever watches while another request fetches. */
  let fetching: Fetching | null = null
  return new Hono()
    .get('/', async (c) => {
      const opened = await memory.open()
      const holds = opened.holds()
      return c.json({ status: await opened.status(), holds, rooms: await nameAll(rooms, holds) })
    })
    .get('/audit', async (c) => c.json({ findings: await (await memory.open()).audit() }))
    .post('/reindex', body(EmptyBody), async (c) => {
      const opened = await memory.open()
      await opened.reindex()
      return c.json(await opened.selfTest())
    })
    .post('/self-test', body(EmptyBody), async (c) => c.json(await (await memory.open()).selfTest()))
    .post('/import', body(ImportBody), async (c) => {
      const { from, scope, write } = c.req.valid('json')
      if (!isAbsolute(from)) throw new Fault('input_invalid', `${from} is not an absolute path`)
      const room = await roomOf(rooms, scope)
      const opened = await memory.open()
      if (!write) return c.json({ preview: await opened.previewImport(from), imported: null })
      return c.json({ preview: null, imported: await opened.applyImport(from, room) })
    })
    .get('/model', (c) => c.json({ words: memory.words(), fetching }))
    .post('/model', body(EmptyBody), async (c) => {
      try {
        return c.json(
          await memory.fetchModel((file, done, total) => {
            fetching = { file, done, total }
          }),
        )
      } finally {
        fetching = null
      }
    })
}
