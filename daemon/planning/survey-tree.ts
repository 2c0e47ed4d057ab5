/** Pure readings of a list of paths: what languages, which folders. */

const LANGUAGES: Record<string, string> = {
  ts: 'TypeScript',
  tsx: 'TypeScript',
  mts: 'TypeScript',
  cts: 'TypeScript',
  js: 'JavaScript',
  jsx: 'JavaScript',
  mjs: 'JavaScript',
  cjs: 'JavaScript',
  py: 'Python',
  go: 'Go',
  rs: 'Rust',
  java: 'Java',
  kt: 'Kotlin',
  kts: 'Kotlin',
  scala: 'Scala',
  c: 'C',
  h: 'C',
  cc: 'C++',
  cpp: 'C++',
  cxx: 'C++',
  hpp: 'C++',
  cs: 'C#',
  rb: 'Ruby',
  php: 'PHP',
  swift: 'Swift',
  m: 'Objective-C',
  ex: 'Elixir',
  exs: 'Elixir',
  erl: 'Erlang',
  hs: 'Haskell',
  ml: 'OCaml',
  clj: 'Clojure',
  lua: 'Lua',
  zig: 'Zig',
  dart: 'Dart',
  r: 'R',
  jl: 'Julia',
  sh: 'Shell',
  bash: 'Shell',
  sql: 'SQL',
  html: 'HTML',
  css: 'CSS',
  scss: 'CSS',
  vue: 'Vue',
  svelte: 'Svelte',
  tf: 'Terraform',
  nix: 'Nix',
}

const GENERATED =
  /(^|\/)(node_modules|vendor|third_party|dist|build|target|out|coverage|\.venv|__pycache__|__snapshots__)\/|\.min\.(js|css)$|\.(map|snap|lock)$|(^|\/)package-lock\.json$/

/** Files that nobody writes by hand. */
export function isGenerated(path: string): boolean {
  return GENERATED.test(path)
}

/** Most files first; by name where they are even. */
export function countLanguages(files: readonly string[]): { name: string; files: number }[] {
  const counts = new Map<string, number>()
  for (const path of files) {
    const name = LANGUAGES[/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? '']
    if (name) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts]
    .map(([name, count]) => ({ name, files: count }))
    .sort((a, b) => b.files - a.files || a.name.localeCompare(b.name))
}

/**
 * The tree in at most `linesMax` lines: all files of a small repository, else as many levels of
 * folders as fit, each with the number of files in it. What is left out is said.
 */
export function summarizeTree(files: readonly string[], linesMax: number): string[] {
  if (files.length <= linesMax) return [...files].sort()
  let best: string[] | undefined
  for (let depth = 1; depth <= 6; depth++) {
    const lines = foldersTo(files, depth)
    if (best && lines.length > linesMax) break
    best = lines
  }
  const lines = best ?? []
  if (lines.length <= linesMax) return lines
  return [...lines.slice(0, linesMax - 1), `… and ${lines.length - linesMax + 1} more at this level`]
}

function foldersTo(files: readonly string[], depth: number): string[] {
  const counts = new Map<string, number>()
  for (const path of files) {
    const names = path.split('/')
    const key = names.length <= depth ? path : `${names.slice(0, depth).join('/')}/`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, count]) => (key.endsWith('/') ? `${key} (${count} files)` : key))
}
