import type { Proof } from '../core/proof.ts'
import { oneLine, type Paint, pad, span } from './text.ts'

/** The verdict, then each check with how it ended, then what the guards and the reviewer found. */
export function proofLines(proof: Pick<Proof, 'results' | 'passed'> & Partial<Proof>, paint: Paint): string[] {
  const commit = proof.commit ? ` of ${proof.commit.slice(0, 10)}` : ''
  const verdict = proof.passed ? paint('green', `proof${commit}: passed`) : paint('red', `proof${commit}: failed`)
  const results = proof.results.map((result) => {
    const glyph = result.passed ? paint('green', '✓') : paint('red', '✗')
    const how = result.timedOut ? 'timed out' : `exit ${result.exitCode ?? 'by a signal'}`
    return `  ${glyph} ${pad(oneLine(result.name), 28)} ${pad(result.kind, 13)} ${pad(how, 12)} ${pad(span(result.durationMs), 8)} ${oneLine(result.command)}`
  })
  const guards = (proof.guards ?? []).map((finding) => {
    const words = `${finding.guard}${finding.path ? ` ${finding.path}` : ''}: ${finding.detail}`
    return paint(finding.level === 'note' ? 'gray' : 'yellow', `  ! ${oneLine(words)}`)
  })
  const findings = (proof.review?.findings ?? []).map((finding) =>
    paint(
      finding.class === 'note' ? 'gray' : 'yellow',
      `  ${finding.class}: ${oneLine(`${finding.path ?? ''} ${finding.detail}`)}`,
    ),
  )
  return [verdict, ...results, ...guards, ...findings]
}
