import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { EmbedderSettings } from '../../memory/embed/embedder.ts'
import { fetchModel } from '../../memory/embed/fetch-model.ts'
import { findModel } from '../../memory/embed/model-files.ts'
import { openModelHub } from '../fakes/model-hub.ts'
import { makeDir, useLite } from './room.ts'

type Local = Extract<EmbedderSettings, { kind: 'local' }>

const WEIGHTS = 'onnx/model_quantized.onnx'
const FILES: Record<string, Buffer> = {
  'config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{"t":1}'),
  'tokenizer_config.json': Buffer.from('{"c":2}'),
  [WEIGHTS]: Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251)),
}

async function place() {
  const hub = await openModelHub('Some/model', FILES)
  const modelsDir = makeDir()
  const settings = useLite({ model: 'Some/model', modelsDir, hubUrl: hub.url, mayDownload: true }) as Local
  return { hub, settings, file: (name: string) => join(modelsDir, 'Some/model', name) }
}

test('a model is fetched whole, with progress, and then found on this machine', async () => {
  const { hub, settings, file } = await place()
  const seen: [string, number, number | null][] = []
  await fetchModel(settings, (...progress) => seen.push(progress))
  expect(seen.at(-1)).toEqual([WEIGHTS, 100_000, 100_000])
  expect(readFileSync(file(WEIGHTS))).toEqual(FILES[WEIGHTS])
  expect(await findModel(settings)).toMatchObject({ name: 'Some/model', bytes: 100_000 })
  expect(existsSync(join(settings.modelsDir, '.part/Some/model'))).toBe(false)
  // A file that the hub does not have and that is not needed is only asked for.
  expect(hub.asked.filter((line) => line.includes('special_tokens'))).toHaveLength(1)
})

test('what is cut off leaves no model, and goes on where it stopped', async () => {
  const { hub, settings, file } = await place()
  hub.cutAfter(40_000)
  await expect(fetchModel(settings, () => {})).rejects.toMatchObject({
    code: 'embedder_unavailable',
    message: expect.stringContaining('was cut off after 40000 bytes'),
    hint: 'Try again: it goes on where it stopped.',
  })
  expect(await findModel(settings)).toBeUndefined()
  hub.asked.length = 0
  const seen: number[] = []
  await fetchModel(settings, (_, done) => seen.push(done))
  expect(hub.asked.at(-1)).toBe('GET /storage/Some/model/onnx/model_quantized.onnx bytes=40000-')
  expect(seen.find((done) => done > 1000)).toBeGreaterThan(40_000)
  expect(readFileSync(file(WEIGHTS))).toEqual(FILES[WEIGHTS])
})

test.each([
  ['altered', Buffer.alloc(100_000, 7), 'does not have the digest'],
  ['too short', FILES[WEIGHTS]!.subarray(0, 90_000), '90000 bytes instead of 100000'],
])('weights that come %s are refused and not taken up again', async (_, body, words) => {
  const { hub, settings, file } = await place()
  hub.spoil(WEIGHTS, body)
  await expect(fetchModel(settings, () => {})).rejects.toThrow(words)
  expect(existsSync(file(WEIGHTS))).toBe(false)
  hub.spoil(WEIGHTS, FILES[WEIGHTS]!)
  await fetchModel(settings, () => {})
  expect(readFileSync(file(WEIGHTS))).toEqual(FILES[WEIGHTS])
})

test('a small file that was altered on the way is refused as well', async () => {
  const { hub, settings } = await place()
  hub.spoil('tokenizer.json', Buffer.from('{"t":9}'))
  await expect(fetchModel(settings, () => {})).rejects.toThrow('tokenizer.json of Some/model does not have the digest')
})

test('a hub that cannot be reached, or does not know the model, is a fault that says what to do', async () => {
  const { hub, settings } = await place()
  await expect(fetchModel({ ...settings, hubUrl: 'http://127.0.0.1:9' }, () => {})).rejects.toMatchObject({
    code: 'embedder_unavailable',
    hint: expect.stringContaining('network'),
  })
  await expect(fetchModel({ ...settings, model: 'Other/model' }, () => {})).rejects.toThrow(
    `${hub.url} has no config.json of Other/model`,
  )
})
