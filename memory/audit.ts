import type { Finding, Profile } from './memory.ts'
import type { Scope } from './note.ts'
import type { Catalog } from './notes/catalog.ts'

const ROOMS_MAX = 200

/**
 * What the owner may want to look at. It reads the catalog alone and changes nothing.
 */
export async function audit(parts: {
  catalog: Catalog
  now: number
  profile(scopes: readonly Scope[]): Promise<Profile>
}): Promise<Finding[]> {
  const { catalog, now } = parts
  const findings: Finding[] = []
  for (const { path, skipped, problem, cut, suspicious } of catalog.problems()) {
    if (skipped !== null) findings.push({ kind: 'skipped', path, detail: `not searchable: ${skipped}` })
    else if (problem !== null) {
      findings.push({ kind: problem.startsWith('has the id of') ? 'same-id' : 'head', path, detail: problem })
    }
    if (cut > 0)
      findings.push({ kind: 'cut', path, detail: `its last ${cut} passages are not searchable: the note is too long` })
    if (suspicious)
      findings.push({ kind: 'suspicious', path, detail: 'reads like orders to an agent; never given as a preference' })
  }
  const notes = catalog.list({ past: true, limit: 200_000 }, now)
  const byTitle = new Map<string, string>()
  const bySubject = new Map<string, string>()
  for (const note of notes) {
    if (note.supersededBy !== null && catalog.findPath(note.supersededBy) === undefined) {
      findings.push({
        kind: 'superseded-by-nothing',
        path: note.path,
        detail: `superseded by ${note.supersededBy}, which is not there`,
      })
    }
    if (note.past) continue
    const title = `${note.scope}\n${note.kind}\n${note.title.toLowerCase()}`
    const twin = byTitle.get(title)
    if (twin) findings.push({ kind: 'twin', path: note.path, detail: `same title and kind as ${twin}` })
    byTitle.set(title, note.path)
    if (note.subject === null || note.attribute === null) continue
    const about = `${note.scope}\n${note.subject}\n${note.attribute}`
    const other = bySubject.get(about)
    if (other) {
      findings.push({
        kind: 'contradiction',
        path: note.path,
        detail: `says ${note.attribute} of ${note.subject}, and so does ${other}`,
      })
    }
    bySubject.set(about, note.path)
  }
  return [...findings, ...(await fullProfiles(parts))]
}

/** Where standing notes do not fit, or soon will not: everywhere, or in the rooms that have some of their own. */
async function fullProfiles({ catalog, now, profile }: Parameters<typeof audit>[0]): Promise<Finding[]> {
  const { warning } = await profile(['global'])
  if (warning !== null) return [{ kind: 'profile', path: '', detail: warning }]
  const own = catalog
    .holds(now)
    .filter(({ scope, kind, notes, past }) => scope !== 'global' && kind === 'preference' && notes > past)
  const findings: Finding[] = []
  for (const { scope } of own.slice(0, ROOMS_MAX)) {
    const { warning } = await profile([scope])
    if (warning !== null) findings.push({ kind: 'profile', path: '', detail: `In ${scope}: ${warning}` })
  }
  return findings
}
