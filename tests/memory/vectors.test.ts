import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { EmbedderSettings } from '../../memory/embed/embedder.ts'
import type { NoteSource } from '../../memory/note.ts'
import { asInProduct, hasModels, MODELS, makeDir, openRoom, until, useLite } from './room.ts'

const owner: NoteSource = { from: 'owner', ref: null }
const withModel = hasModels ? test : test.skip
if (!hasModels) console.log(`no model in ${MODELS}: tests of local vectors are left out`)

async function listen(answer: Parameters<typeof createServer>[1]): Promise<{ server: Server; url: string }> {
  const server = createServer({}, answer as never)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('with a local model', () => {
  withModel('every note gets vectors, recall says it used them, and finds what shares no word', async () => {
    const { memory } = await openRoom({ ...asInProduct, embedder: useLite() })
    await memory.remember({ text: 'My dog is ill and will see the veterinarian', source: owner })
    await memory.remember({ text: 'The quarterly budget was approved by finance', source: owner })
    await memory.remember({ text: 'The server rack in the basement is too hot', source: owner })
    await memory.settled()
    await memory.vectorsSettled()
    const status = await memory.status()
    expect(status).toMatchObject({ notes: 3, passages: 3, vectors: 3, behind: { words: 0, vectors: 0 } })
    expect(status.embeddings).toContain('use-lite')
    const { passages, how } = await memory.recall('a sick puppy at the animal doctor')
    expect(how).toBe('words and vectors')
    expect(passages[0]!.text).toContain('dog')
    expect(passages[0]!.parts['vectors']).toBeGreaterThan(0)
  })

  withModel('another precision is another model: vectors are made anew while recall answers by words', async () => {
    const room = await openRoom({ ...asInProduct, embedder: useLite() })
    for (let i = 0; i < 60; i++) room.put(`n${i}.md`, `The heron number ${i} stands in pond ${i}.`)
    await room.memory.settled()
    await room.memory.vectorsSettled()
    const memory = await room.reopen({ embedder: useLite({ dtype: 'fp32' }) })
    // Before the other model is loaded its vectors do not exist.
    const meanwhile = await memory.recall('heron number 7')
    expect(meanwhile.passages.length).toBeGreaterThan(0)
    await memory.settled()
    await memory.vectorsSettled()
    const status = await memory.status()
    expect(status).toMatchObject({ vectors: 60, behind: { vectors: 0 } })
    expect(status.embeddings).toContain('fp32')
    expect((await memory.recall('heron number 7')).how).toBe('words and vectors')
  })

  withModel('the engine ends when nobody asks, and its memory with it; the next question starts another', async () => {
    const { memory, put } = await openRoom({ ...asInProduct, embedder: useLite(), engineIdleMs: 300 })
    put('a.md', 'The heron stands in the pond.')
    await memory.settled()
    await memory.vectorsSettled()
    const engines = () => childrenOf(process.pid).filter((command) => command.includes('engine-main'))
    expect(engines()).toHaveLength(1)
    await until(engines, (found) => found.length === 0, 60_000)
    expect((await memory.recall('heron')).passages).toHaveLength(1)
  })

  withModel('what the index kept of earlier versions goes when the engine does, and nothing else', async () => {
    const { memory, put, settings } = await openRoom({ ...asInProduct, embedder: useLite(), engineIdleMs: 1_000 })
    for (let i = 0; i < 5; i++) {
      put(`n${i}.md`, `The heron number ${i} stands in pond ${i}.`)
      await memory.settled()
      await memory.vectorsSettled()
    }
    const before = await memory.status()
    expect(before.vectors).toBeGreaterThan(0)
    await until(
      () => childrenOf(process.pid).filter((command) => command.includes('engine-main')),
      (found) => found.length === 0,
      60_000,
    )
    const lance = join(settings.indexDir, 'engine/lance')
    const tables = readdirSync(lance).filter((name) => name.endsWith('.lance'))
    expect(tables).toHaveLength(2)
    // The last step of a merge, the index of what was merged, makes one more.
    for (const table of tables) {
      const versions = readdirSync(join(lance, table, '_versions')).filter((name) => name.endsWith('.manifest'))
      expect(versions.length, table).toBeLessThanOrEqual(2)
    }
    expect(await memory.status()).toMatchObject({ passages: before.passages, vectors: before.vectors })
    expect((await memory.recall('heron number 3', { limit: 1 })).passages[0]?.path).toBe('n3.md')
  })

  withModel('an edited note has the vectors of its new text alone', async () => {
    const { memory } = await openRoom({ ...asInProduct, embedder: useLite() })
    const { note } = await memory.remember({ text: 'The heron stands in the pond', source: owner })
    await memory.settled()
    await memory.vectorsSettled()
    await memory.edit(note.id, { text: 'The train to Lisbon leaves at nine. It is often late on Mondays and Fridays.' })
    await memory.settled()
    await memory.vectorsSettled()
    expect(await memory.status()).toMatchObject({ passages: 1, vectors: 2 })
    await memory.forget(note.id)
    await memory.settled()
    expect(await memory.status()).toMatchObject({ passages: 0, vectors: 0 })
  })
})

describe('without a model', () => {
  const lexical = async (embedder: EmbedderSettings) => {
    const { memory } = await openRoom({ ...asInProduct, embedder })
    await memory.remember({ text: 'The heron stands in the pond', source: owner })
    await memory.settled()
    await memory.vectorsSettled()
    return { memory, recalled: await memory.recall('heron'), status: await memory.status() }
  }

  test('a model that is nowhere: recall answers by words and says why', async () => {
    const { recalled, status, memory } = await lexical(useLite({ model: 'Someone/no-such-model' }))
    expect(recalled.passages).toHaveLength(1)
    expect(recalled.how).toBe('words alone: the model Someone/no-such-model (q8) is not on this machine')
    expect(status.embeddings).toContain('not on this machine')
    await expect(memory.loadModel()).rejects.toMatchObject({ code: 'embedder_unavailable' })
  })

  test('a folder that holds no model', async () => {
    const { recalled } = await lexical(useLite({ model: makeDir() }))
    expect(recalled.how).toContain('holds no model')
  })

  withModel('a file that is not a model', async () => {
    const dir = join(makeDir(), 'broken')
    cpSync(join(MODELS, 'use-lite'), dir, { recursive: true })
    const { chmodSync } = await import('node:fs')
    chmodSync(join(dir, 'onnx'), 0o755)
    chmodSync(join(dir, 'onnx/model_quantized.onnx'), 0o644)
    writeFileSync(join(dir, 'onnx/model_quantized.onnx'), 'this is no model')
    const { recalled } = await lexical(useLite({ model: dir }))
    expect(recalled.passages).toHaveLength(1)
    expect(recalled.how).toContain('cannot be loaded')
  })

  test('a name that leaves the folder of models is refused', async () => {
    const { recalled } = await lexical(useLite({ model: '../../etc' }))
    expect(recalled.how).toContain('neither a folder')
  })

  test('no LanceDB: words from SQLite, and it says so', async () => {
    const { memory } = await openRoom({ index: 'sqlite', engine: 'child' })
    await memory.remember({ text: 'The heron stands in the pond', source: owner })
    await memory.settled()
    expect((await memory.recall('heron')).passages).toHaveLength(1)
    expect((await memory.status()).index).toBe('sqlite')
  })
})

describe('a remote endpoint', () => {
  const remote = (url: string): EmbedderSettings => ({
    kind: 'remote',
    url: `${url}/v1`,
    model: 'm',
    key: 'k',
    weight: null,
    timeoutMs: 5_000,
  })

  test('is asked in the OpenAI way with its key, and its vectors are used', async () => {
    const asked: { path: string | undefined; key: string | undefined }[] = []
    const { url } = await listen(async (request, response) => {
      asked.push({ path: request.url, key: request.headers.authorization })
      const { input } = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { input: string[] }
      const data = input.map((text, index) => ({
        index,
        embedding: Array.from({ length: 16 }, (_, i) => text.charCodeAt(i % text.length) - 90),
      }))
      response.end(JSON.stringify({ data }))
    })
    const { memory } = await openRoom({ ...asInProduct, embedder: remote(url) })
    await memory.remember({ text: 'The heron stands in the pond', source: owner })
    await memory.settled()
    await memory.vectorsSettled()
    expect((await memory.recall('heron')).how).toBe('words and vectors')
    expect(asked[0]).toEqual({ path: '/v1/embeddings', key: 'Bearer k' })
  })

  test('that fails or answers nonsense leaves recall by words', async () => {
    for (const answer of ['{"data":[]}', 'not json', '{"data":[{"index":0,"embedding":[]}]}']) {
      const { url } = await listen((_, response) => response.end(answer))
      const { memory } = await openRoom({ ...asInProduct, embedder: remote(url) })
      await memory.remember({ text: 'The heron stands in the pond', source: owner })
      await memory.settled()
      await memory.vectorsSettled()
      const { passages, how } = await memory.recall('heron')
      expect(passages).toHaveLength(1)
      expect(how).toMatch(/^words alone: /)
    }
  })
})

function childrenOf(pid: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const parent = /\) \S+ (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1]
        return Number(parent) === pid ? [readFileSync(`/proc/${name}/cmdline`, 'utf8')] : []
      } catch {
        return []
      }
    })
}
