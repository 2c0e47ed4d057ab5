/**
 * Measures. Says what it saw, on what machine, and what it was before; never whether that is good.
 *
 *   npm run bench                       the quick ones, one after the other
 *   npm run bench -- start submit       these
 *   npm run bench -- start --save       and keeps the result as the baseline that later runs are put beside
 *
 * JSON on stdout, a table for people on stderr. The machine is often shared: each figure is a median with its
 * minimum, and the load is part of the result.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare, type Figure, toLines } from './figures.ts'
import { type Machine, readMachine } from './machine.ts'

interface Benchmark {
  what: string
  /** Part of a plain `npm run bench`. */
  isQuick: boolean
  /** Gives its figures, to be printed and compared here; or nothing, where it prints by itself. */
  run(args: readonly string[]): Promise<readonly Figure[] | undefined>
}

/** Each is loaded when it is run. */
const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  start: {
    what: 'daemon spawn to ready, with an empty home and with 10,000 goals',
    isQuick: true,
    run: async () => (await import('./spine/start.ts')).measure(),
  },
  idle: {
    what: 'memory and CPU of a daemon that has nothing to do',
    isQuick: true,
    run: async () => (await import('./spine/idle.ts')).measure(),
  },
  cli: {
    what: '`claw status` from the shell to the prompt',
    isQuick: true,
    run: async () => (await import('./spine/cli.ts')).measure(),
  },
  submit: {
    what: 'a goal over HTTP until it is on the disk',
    isQuick: true,
    run: async () => (await import('./spine/submit.ts')).measure(),
  },
  overhead: {
    what: 'what Claw adds to a task beside agent and checks',
    isQuick: true,
    run: async () => (await import('./spine/overhead.ts')).measure(),
  },
  parallel: {
    what: 'eight agents that sleep 2 s and write a file, against 2 s',
    isQuick: true,
    run: async () => (await import('./spine/parallel.ts')).measure(),
  },
  schedules: {
    what: 'ten thousand schedules: how late their firings are, lost and doubled ones',
    isQuick: true,
    run: async () => (await import('./spine/schedules.ts')).measure(),
  },
  worktrees: {
    what: 'making and capturing worktrees of a small and a large repository',
    isQuick: true,
    run: async () => (await import('./spine/worktrees.ts')).measure(),
  },
  resume: {
    what: 'kill -9 to ready, and to the agent being asked for its session',
    isQuick: true,
    run: async () => (await import('./spine/resume.ts')).measure(),
  },
  stream: {
    what: 'updates of an agent through to a client that follows them',
    isQuick: true,
    run: async () => (await import('./spine/stream.ts')).measure(),
  },
  mcp: {
    what: 'calls over MCP with fifty clients: how many a second, lost ones, memory left behind',
    isQuick: true,
    run: async () => (await import('./mcp.ts')).measure(),
  },
  gateway: {
    what: 'what the model gateway adds to a request, and a hundred streams at once',
    isQuick: true,
    run: async () => (await import('./gateway.ts')).measure(),
  },
  recall: {
    what: 'recall quality and speed',
    isQuick: false,
    run: async (args) => void (await (await import('./recall.ts')).run(args)),
  },
}

interface Baseline {
  at: string
  machine: Machine
  figures: Figure[]
}

async function main(words: readonly string[]): Promise<number> {
  const firstOther = words.findIndex((word) => !(word in BENCHMARKS))
  const names = firstOther < 0 ? words : words.slice(0, firstOther)
  const args = firstOther < 0 ? [] : words.slice(firstOther)
  const unknown = names.length === 0 ? args.find((word) => !word.startsWith('-')) : undefined
  if (unknown !== undefined) {
    say(`There is no benchmark ${unknown}. There are:`)
    for (const [name, { what }] of Object.entries(BENCHMARKS)) say(`  ${name.padEnd(12)}${what}`)
    return 2
  }
  const chosen = names.length > 0 ? names : Object.keys(BENCHMARKS).filter((name) => BENCHMARKS[name]!.isQuick)
  const results: object[] = []
  for (const name of chosen) {
    say(`\n${name}: ${BENCHMARKS[name]!.what}`)
    const at = new Date().toISOString()
    const machine = readMachine()
    const figures = await BENCHMARKS[name]!.run(args)
    if (!figures) continue
    const baseline = readBaseline(name)
    const compared = compare(figures, baseline?.figures ?? [])
    for (const line of toLines(compared)) say(`  ${line}`)
    const before = baseline && { at: baseline.at, machine: baseline.machine }
    results.push({ benchmark: name, at, machine, figures: compared, baseline: before })
    if (args.includes('--save')) saveBaseline(name, { at, machine, figures: [...figures] })
  }
  if (results.length > 0) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)
  return 0
}

const FOLDER = join(import.meta.dirname, 'baseline')

function readBaseline(name: string): Baseline | null {
  const file = join(FOLDER, `${name}.json`)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Baseline) : null
}

function saveBaseline(name: string, baseline: Baseline): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(baseline, null, 2)}\n`)
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

const code = await main(process.argv.slice(2))
// A benchmark that prints by itself says so by itself.
process.exitCode ||= code
