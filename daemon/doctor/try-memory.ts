import type { Finding } from '../../core/finding.ts'
import type { Finding as AuditFinding, MemoryStatus } from '../../memory/memory.ts'
import type { MemoryDoor } from '../memory/open-memory.ts'

const MB = 1024 ** 2

/**
 * The memory in three lines: the notes, their index, and what they are searched by; one more where standing
 * preferences do not fit. `--fix` builds the
 * index anew, which loses nothing, since the notes are the truth.
 */
export async function tryMemory(memory: Pick<MemoryDoor, 'isOn' | 'open'>, fix: boolean): Promise<Finding[]> {
  if (!memory.isOn) return [{ what: 'memory', level: 'ok', words: 'off (`memory.enabled`)' }]
  try {
    const opened = await memory.open()
    const before = await opened.status()
    const test = before.lastSelfTest ?? (await opened.selfTest())
    const isSound = (test.passed || test.repaired) && before.alarms.length === 0
    const full = fullLines(await opened.audit())
    if (isSound || !fix) return [...lines(isSound ? before : { ...before, lastSelfTest: test }, isSound), ...full]
    await opened.reindex()
    const again = await opened.selfTest()
    const after = await opened.status()
    const isMended = again.passed && after.alarms.length === 0
    const [notes, index, model] = lines(after, isMended)
    return [notes, isMended ? { ...index, mended: true } : index, model, ...full]
  } catch (error) {
    const words = `cannot be opened: ${error instanceof Error ? error.message : String(error)}`
    return [{ what: 'memory', level: 'fail', words, mend: 'Goals work without it. See `claw logs --level warn`.' }]
  }
}

function lines(status: MemoryStatus, isSound: boolean): [Finding, Finding, Finding] {
  return [notesLine(status), indexLine(status, isSound), modelLine(status)]
}

function fullLines(found: readonly AuditFinding[]): Finding[] {
  const mend = 'Shorten, merge or unpin some of these notes, or raise `memory.profileTokensMax`.'
  return found
    .filter(({ kind }) => kind === 'profile')
    .map(({ detail }) => ({ what: 'memory profile', level: 'warn', words: detail, mend }))
}

function notesLine({ notes, folder, skipped }: MemoryStatus): Finding {
  const what = 'memory'
  const words = `${notes} ${notes === 1 ? 'note' : 'notes'} in ${folder}`
  if (skipped.length === 0) return { what, level: 'ok', words }
  const [first] = skipped
  const left = `${words}; ${skipped.length} left out: ${first!.path} (${first!.reason})`
  return { what, level: 'warn', words: left, mend: 'Mend or move them; `claw memory audit` names each.' }
}

function indexLine(
  { passages, index, diskBytes, alarms, behind, lastSelfTest }: MemoryStatus,
  isSound: boolean,
): Finding {
  const what = 'memory index'
  const size = `${passages} ${passages === 1 ? 'passage' : 'passages'} in ${index === 'lance' ? 'LanceDB' : 'SQLite'}, ${(diskBytes / MB).toFixed(1)} MB`
  const waiting = behind.words > 0 ? `, ${behind.words} notes to be taken up` : ''
  if (isSound) return { what, level: 'ok', words: `${size}, tests itself well${waiting}` }
  const why = [...(lastSelfTest?.problems ?? []), ...alarms].join('; ')
  const mend = 'claw doctor --fix builds it anew from the notes.'
  return { what, level: 'warn', words: `${size}: ${why}`, mend, fixable: true }
}

function modelLine({ embeddings, vectors }: MemoryStatus): Finding {
  const what = 'memory model'
  if (!embeddings.startsWith('none: ')) {
    return { what, level: 'ok', words: `${embeddings}, ${vectors} vectors` }
  }
  const words = `recall goes by words alone: ${embeddings.slice('none: '.length)}`
  const mend =
    'claw memory fetch-model gets it once; or name a folder in `memory.model`, or set it to null if words are enough.'
  return { what, level: 'warn', words, mend }
}
