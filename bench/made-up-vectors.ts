import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const DIMENSIONS = 384
const WORDS_MAX = 200_000

/**
 * An endpoint of embeddings that knows no language: each word has a direction of its own, a text is the sum of its
 * words. In the size of MiniLM's and in a thousandth of its time, so that a hundred thousand notes can be indexed
 * while somebody waits; what the index makes of them takes as long as with any other vectors.
 */
export async function serveMadeUpVectors(): Promise<{ url: string } & AsyncDisposable> {
  const directions = new Map<string, Float32Array>()
  const directionOf = (word: string) => {
    const known = directions.get(word)
    if (known) return known
    if (directions.size >= WORDS_MAX) directions.clear()
    const made = makeDirection(word)
    directions.set(word, made)
    return made
  }
  const embed = (text: string): number[] => {
    const sum = new Float32Array(DIMENSIONS)
    for (const word of new Set(text.toLowerCase().match(/\p{L}+/gu))) {
      for (const [i, value] of directionOf(word).entries()) sum[i]! += value
    }
    const length = Math.hypot(...sum) || 1
    return Array.from(sum, (value) => Math.round((value / length) * 10_000) / 10_000)
  }
  const server = createServer(async (request, response) => {
    const { input } = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { input: string[] }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ data: input.map((text, index) => ({ index, embedding: embed(text) })) }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The same for the same word, every time. */
function makeDirection(word: string): Float32Array {
  let state = 2166136261
  for (const char of word) state = Math.imul(state ^ char.codePointAt(0)!, 16777619) >>> 0
  return Float32Array.from({ length: DIMENSIONS }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}
