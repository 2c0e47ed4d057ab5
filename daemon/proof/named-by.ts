import picomatch from 'picomatch'

/**
 * Whether the globs speak of this very file: its path, or a pattern whose last part holds a piece
 * of its name (`vitest.config.*`). `**`, `src/**` and `*.json` cover a file without naming it.
 */
export function isNamedBy(path: string, globs: readonly string[]): boolean {
  return globs.some((glob) => {
    const clean = glob.replace(/^\.\//, '')
    if (clean === path) return true
    const last = clean.slice(clean.lastIndexOf('/') + 1)
    const stem = last.replace(/\.(\{[^}]*\}|[A-Za-z0-9]{1,5})$/, '').replace(/\[[^\]]*\]|[*?]/g, '')
    return /[A-Za-z0-9]/.test(stem) && picomatch.isMatch(path, clean, { dot: true })
  })
}
