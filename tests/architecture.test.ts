import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

/** Which folder may import which. What is not listed cannot be imported; tests, bench, demo and scripts may import all. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  config: ['core'],
  memory: ['core'],
  tools: ['core', 'memory'],
  daemon: ['core', 'config', 'memory', 'tools'],
  cli: ['core', 'config'],
}
/** Folders of which only types may be taken, so that nothing of them is loaded. */
const TYPES_ONLY: Record<string, readonly string[]> = { cli: ['daemon', 'tools', 'memory'] }
/** The only files that look at the process, the clock or the machine by themselves. */
const MAY_TOUCH_THE_WORLD =
  /^(core\/clock\.ts|daemon\/main\.ts|daemon\/brain\/brain-process\.ts|cli\/|memory\/embed\/[^/]*worker\.ts)/

const files = globSync('{core,config,memory,tools,daemon,cli}/**/*.{ts,js}', { cwd: process.cwd() })
  .map((file) => file.replaceAll('\\', '/'))
  .sort()

interface Import {
  from: string
  to: string
  typeOnly: boolean
}

const STATEMENT =
  /^(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?['"](\.{1,2}\/[^'"]+)['"]|\bimport\(\s*['"](\.{1,2}\/[^'"]+)['"]\s*\)/gm

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(STATEMENT)].map(([whole, type, still, dynamic]) => ({
    from: file,
    to: normalize(join(dirname(file), (still ?? dynamic)!)).replaceAll('\\', '/'),
    // `typeof import('…')` and `import('…').Type` load nothing either.
    typeOnly:
      type !== undefined ||
      (dynamic !== undefined &&
        !/\bawait\b|=>\s*import|\(\)/.test(text.slice(Math.max(0, text.indexOf(whole) - 12), text.indexOf(whole)))),
  }))
}

const imports = files.flatMap(importsOf)
const roomOf = (file: string) => file.split('/')[0]!

test('there is something to look at', () => {
  expect(files.length).toBeGreaterThan(50)
  expect(imports.length).toBeGreaterThan(200)
})

test('every import points downward', () => {
  const offenders = imports.filter(({ from, to, typeOnly }) => {
    const [room, other] = [roomOf(from), roomOf(to)]
    if (room === other || MAY_IMPORT[room]?.includes(other)) return false
    return !(typeOnly && TYPES_ONLY[room]?.includes(other))
  })
  expect(offenders.map(({ from, to }) => `${from} → ${to}`)).toEqual([])
})

test('no file imports itself, however far round', () => {
  const edges = new Map<string, string[]>()
  for (const { from, to, typeOnly } of imports) if (!typeOnly) edges.set(from, [...(edges.get(from) ?? []), to])
  const circles: string[] = []
  const done = new Set<string>()
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file)
    if (at >= 0) circles.push([...path.slice(at), file].join(' → '))
    else if (!done.has(file)) {
      for (const next of edges.get(file) ?? []) walk(next, [...path, file])
      done.add(file)
    }
  }
  for (const file of files) walk(file, [])
  expect(circles).toEqual([])
})

test('time, timers and the environment come in as arguments', () => {
  const offenders = files
    .filter((file) => !MAY_TOUCH_THE_WORLD.test(file))
    .flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line, n) => ({ line: line.replace(/\/\/.*|\/?\*.*/, ''), where: `${file}:${n + 1}` }))
        .filter(({ line }) => /\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(|\bprocess\.env\b|\bnew Date\(\)/.test(line))
        .map(({ where }) => where),
    )
  expect(offenders).toEqual([])
})
