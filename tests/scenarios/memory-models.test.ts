import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tryMemory } from '../../daemon/doctor/try-memory.ts'
import { openModelHub } from '../fakes/model-hub.ts'
import { hasModels, MODELS } from '../memory/room.ts'
import { openRoom } from './daemon-room.ts'

const withModel = hasModels ? test : test.skip
const LITE = join(MODELS, 'use-lite')
const FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model_quantized.onnx']

/** Keeps a note in the daemon's memory, asks for it, and gives what recall and doctor say of the model. */
async function ask(room: Awaited<ReturnType<typeof openRoom>>) {
  const memory = await room.daemon.memory.open()
  await memory.remember({ text: 'The train to Lisbon leaves at nine', source: { from: 'owner', ref: null } })
  await memory.settled()
  await memory.vectorsSettled()
  const { passages, how } = await memory.recall('when does the train leave?')
  const doctor = (await tryMemory(room.daemon.memory, false)).find(({ what }) => what === 'memory model')
  return { text: passages[0]?.text, how, doctor }
}

withModel('a folder that is named holds the model', async () => {
  const room = await openRoom({ config: { memory: { model: LITE } } })
  expect(await ask(room)).toMatchObject({
    text: 'The train to Lisbon leaves at nine',
    how: 'words and vectors',
    doctor: { level: 'ok', words: `${LITE} (q8), 1 vectors` },
  })
})

withModel('the hub’s own cache holds the model', async () => {
  const room = await openRoom({
    config: { memory: { model: 'Some/lite' } },
    prepareOwner(home) {
      const snapshot = join(home, '.cache/huggingface/hub/models--Some--lite/snapshots/abc')
      mkdirSync(snapshot, { recursive: true })
      for (const file of FILES) cpSync(join(LITE, file), join(snapshot, file))
    },
  })
  expect(await ask(room)).toMatchObject({ how: 'words and vectors', doctor: { level: 'ok' } })
})

withModel('a model that is nowhere is fetched when the owner asks, once, and then used', async () => {
  const files = Object.fromEntries(FILES.map((file) => [file, readFileSync(join(LITE, file))]))
  const hub = await openModelHub('Some/lite', files)
  const room = await openRoom({ config: { memory: { model: 'Some/lite', hubUrl: hub.url } } })
  const before = await ask(room)
  expect(before.how).toBe('words alone: the model Some/lite (q8) is not on this machine')
  expect(before.doctor).toMatchObject({ level: 'warn', mend: expect.stringContaining('claw memory fetch-model') })
  expect(hub.asked).toEqual([])

  const seen: string[] = []
  expect(await room.daemon.memory.fetchModel((file) => seen.push(file))).toMatchObject({ dimensions: 512 })
  expect(seen).toContain('onnx/model_quantized.onnx')
  expect(await ask(room)).toMatchObject({ how: 'words and vectors', doctor: { level: 'ok' } })
  const times = hub.asked.length
  await room.restart()
  expect(await ask(room)).toMatchObject({ how: 'words and vectors' })
  expect(hub.asked).toHaveLength(times)
})

test('an endpoint makes the vectors, with the key that is named', async () => {
  const keys = new Set<string | undefined>()
  const server = createServer(async (request, response) => {
    keys.add(request.headers.authorization)
    const { input } = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { input: string[] }
    const data = input.map((text, index) => ({
      index,
      embedding: Array.from({ length: 8 }, (_, i) => text.length + i),
    }))
    response.end(JSON.stringify({ data }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const room = await openRoom({
    config: { memory: { endpoint: { url, model: 'm', key: 'env:EMBED_KEY' } } },
    env: { EMBED_KEY: 'secret-of-mine' },
  })
  expect(await ask(room)).toMatchObject({ how: 'words and vectors', doctor: { level: 'ok' } })
  expect([...keys]).toEqual(['Bearer secret-of-mine'])
})

test('doctor builds an index anew that differs from the notes, and shows what is left out', async () => {
  const room = await openRoom({ config: { memory: { model: null, index: 'sqlite', indexMaxMb: 1 } } })
  const memory = await room.daemon.memory.open()
  await memory.remember({ text: 'The train to Lisbon leaves at nine', source: { from: 'owner', ref: null } })
  for (let i = 0; i < 40; i++) writeFileSync(join(memory.folder, `n${i}.md`), `word${i} `.repeat(8_000))
  await memory.settled()
  const words = async (fix: boolean) => await tryMemory(room.daemon.memory, fix)
  const [, index, model] = await words(false)
  expect(index).toMatchObject({ level: 'warn', fixable: true, words: expect.stringContaining('The index takes') })
  expect(model).toMatchObject({ words: 'recall goes by words alone: no embedding model is set up' })
  for (let i = 0; i < 40; i++) rmSync(join(memory.folder, `n${i}.md`))
  writeFileSync(join(memory.folder, 'photo.md'), Buffer.from([0, 1, 2]))
  const [notes, mended] = await words(true)
  expect(mended).toMatchObject({ level: 'ok', mended: true })
  expect(notes).toMatchObject({
    level: 'warn',
    words: expect.stringContaining('photo.md (binary: it holds zero bytes)'),
  })
})
