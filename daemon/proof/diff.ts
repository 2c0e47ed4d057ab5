/** One file of a unified diff as git writes it. */
export interface FileDiff {
  /** The path after the change (before it, for a deletion). */
  path: string
  from: string | null
  deleted: boolean
  /** Git's mode after the change, where the diff says so. */
  mode: string | null
  added: DiffLine[]
  removed: DiffLine[]
}

export interface DiffLine {
  /** In the new file for added lines, in the old one for removed. */
  line: number
  text: string
}

/**
 * Reads a unified diff. Pure and forgiving: what is not understood is passed over, so a diff that
 * was cut short gives what was before the cut. Lengths in hunk headers are kept to, so a line
 * that only looks like a header is text.
 */
export function readDiff(text: string): FileDiff[] {
  const files: FileDiff[] = []
  let file: FileDiff | undefined
  let oldLine = 0
  let newLine = 0
  let oldLeft = 0
  let newLeft = 0
  for (const line of text.split('\n')) {
    if (file && (oldLeft > 0 || newLeft > 0)) {
      const rest = line.slice(1)
      if (line.startsWith('+')) {
        file.added.push({ line: newLine++, text: rest })
        newLeft--
        continue
      }
      if (line.startsWith('-')) {
        file.removed.push({ line: oldLine++, text: rest })
        oldLeft--
        continue
      }
      if (line.startsWith(' ') || line === '') {
        oldLine++
        newLine++
        oldLeft--
        newLeft--
        continue
      }
      if (line.startsWith('\\')) continue
      oldLeft = newLeft = 0
    }
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line)
    if (hunk && file) {
      oldLine = Number(hunk[1])
      oldLeft = hunk[2] === undefined ? 1 : Number(hunk[2])
      newLine = Number(hunk[3])
      newLeft = hunk[4] === undefined ? 1 : Number(hunk[4])
    } else if (line.startsWith('diff --git ')) {
      file = { path: pathsOfHeader(line), from: null, deleted: false, mode: null, added: [], removed: [] }
      files.push(file)
    } else if (file) {
      readHeader(file, line)
    }
  }
  return files
}

function readHeader(file: FileDiff, line: string): void {
  const value = (prefix: string) => (line.startsWith(prefix) ? unquote(line.slice(prefix.length)) : undefined)
  const mode = /^(?:new file mode|new mode|index \S+) (\d{6})$/.exec(line)?.[1]
  if (mode) file.mode = mode
  if (line.startsWith('deleted file mode')) file.deleted = true
  const from = value('rename from ')
  if (from !== undefined) file.from = from
  const to = value('rename to ')
  if (to !== undefined) file.path = to
  const after = value('+++ ')
  if (after?.startsWith('b/')) file.path = after.slice(2)
  const before = value('--- ')
  if (before?.startsWith('a/') && file.deleted) file.path = before.slice(2)
}

/** `diff --git a/x b/x`: both halves are the same where nothing was renamed. */
function pathsOfHeader(line: string): string {
  const rest = line.slice('diff --git '.length)
  if (rest.startsWith('"')) return unquote(rest.slice(rest.lastIndexOf(' "') + 1)).slice(2)
  const half = (rest.length - 1) / 2
  if (Number.isInteger(half) && rest.slice(2, half) === rest.slice(half + 3)) return rest.slice(2, half)
  return rest.slice(rest.lastIndexOf(' b/') + 3)
}

/** Git quotes a path with special characters as C does, bytes in octal; a path with blanks gets a tab behind it. */
function unquote(text: string): string {
  const trimmed = text.replace(/\t$/, '')
  if (!trimmed.startsWith('"') || !trimmed.endsWith('"')) return trimmed
  const bytes: number[] = []
  const inner = Buffer.from(trimmed.slice(1, -1))
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] !== 0x5c) {
      bytes.push(inner[i]!)
      continue
    }
    const octal = /^[0-7]{3}/.exec(inner.subarray(i + 1, i + 4).toString('latin1'))?.[0]
    if (octal) {
      bytes.push(Number.parseInt(octal, 8))
      i += 3
    } else {
      const char = String.fromCharCode(inner[++i] ?? 0x5c)
      bytes.push(
        ({ n: 10, t: 9, r: 13, a: 7, b: 8, f: 12, v: 11 } as Record<string, number>)[char] ?? char.charCodeAt(0),
      )
    }
  }
  return Buffer.from(bytes).toString('utf8')
}
