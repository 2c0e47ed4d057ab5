/** What the commands' options share: how their values are read, and what is said of a wrong one. */
import { type Command, type CommandOptions, InvalidArgumentError, Option } from 'commander'
import { nearest } from '../core/fault.ts'
import type { Surface } from './surface.ts'

// biome-ignore lint/suspicious/noConfusingVoidType: most commands have no exit code to give
type Done = number | void

/** Runs one command; it answers the exit code, nothing meaning 0. */
export type Run = (options: { json?: boolean }, work: (surface: Surface) => Promise<Done>) => Promise<void>

export interface Json {
  json?: boolean
}

/** Makes a command that does something itself. */
export type Leaf = (parent: Command, usage: string, words: string, kind?: CommandOptions) => Command

export function choices(flags: string, words: string, values: string[]): Option {
  return new Option(flags, `${words} One of: ${values.join(', ')}.`).argParser((value: string) => {
    if (values.includes(value)) return value
    const near = nearest(value, values)
    throw new InvalidArgumentError(
      near ? `Did you mean ${near}? (${values.join(', ')})` : `Choose from ${values.join(', ')}.`,
    )
  })
}

export function repeated(value: string, before: string[] = []): string[] {
  return [...before, value]
}

export function wholeNumber(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(value)
}

export function positive(value: string): number {
  const number = Number(value)
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError('It must be a number above 0.')
  return number
}
