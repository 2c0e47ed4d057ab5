import { createInterface } from 'node:readline/promises'
import { usage } from '../exit.ts'
import type { Surface } from '../surface.ts'

const INPUT_MAX = 1_000_000

/** All of stdin, for `-`. */
export async function readAll({ stdin }: Surface): Promise<string> {
  let text = ''
  stdin.setEncoding('utf8')
  for await (const piece of stdin) {
    text += piece
    if (text.length > INPUT_MAX) throw usage(`More than ${INPUT_MAX} characters on stdin`)
  }
  return text
}

/** Asks on the terminal; the caller has made sure that somebody is there. */
export async function prompt(surface: Surface, question: string): Promise<string> {
  const reader = createInterface({ input: surface.stdin, output: surface.stdout })
  try {
    return (await reader.question(question, { signal: surface.signal })).trim()
  } catch (error) {
    surface.signal.throwIfAborted()
    throw error
  } finally {
    reader.close()
  }
}
