import type { Recalled } from '../../daemon/http/memory-shapes.ts'
import { connect } from '../daemon.ts'
import { usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { manyLines, oneLine } from '../text.ts'
import { roomWord, shortId } from './note.ts'

export interface RecallOptions {
  scope?: string[]
  kind?: string[]
  limit: number
  explain?: boolean
}

type Passage = Recalled['passages'][number]

/** Nothing that bears on the question is an answer too: exit code 0, and why on stderr. */
export async function recall(surface: Surface, question: string, options: RecallOptions): Promise<void> {
  if (question.trim() === '') throw usage('There is no question')
  const client = await connect(surface, { start: true })
  const response = await client.v1.recall.$post({
    json: {
      question,
      scopes: (options.scope ?? ['all']).map((scope) => roomWord(surface, scope)),
      ...(options.kind ? { kinds: options.kind as Passage['kind'][] } : {}),
      limit: options.limit,
    },
  })
  const recalled = (await response.json()) as Recalled & { rooms: Record<string, string> }
  if (surface.isJson) return surface.printJson(recalled)
  for (const [i, passage] of recalled.passages.entries()) {
    if (i > 0) surface.print('')
    const room = recalled.rooms[passage.scope] ?? passage.scope
    for (const line of passageLines(surface, passage, room, options)) surface.print(line)
  }
  const gray = (words: string) => surface.say(surface.paintErr('gray', words))
  if (recalled.passages.length === 0) surface.say(`Nothing: ${oneLine(recalled.abstained ?? 'no note fits')}.`)
  if (recalled.more > 0) gray(`${recalled.more} more; see them with --limit`)
  if (recalled.how !== 'words and vectors' || options.explain) gray(`searched by ${oneLine(recalled.how)}`)
}

function passageLines({ paint }: Surface, passage: Passage, room: string, { explain }: RecallOptions): string[] {
  const title = [passage.title, passage.heading].filter(Boolean).map(oneLine).join(' › ')
  const facts = [
    passage.at?.slice(0, 10) ?? '',
    passage.speaker,
    room === 'everywhere' ? '' : room,
    passage.kind === 'fact' ? '' : passage.kind,
    passage.trusted ? '' : 'nobody vouches for it',
    passage.superseded ? `no longer holds${passage.supersededBy ? `, see ${shortId(passage.supersededBy)}` : ''}` : '',
  ]
  const head = `${paint('cyan', shortId(passage.noteId))} ${paint('bold', title)}`
  const below = paint('gray', facts.filter(Boolean).map(oneLine).join(' · '))
  return [
    [head, below].filter(Boolean).join('  '),
    manyLines(passage.text).replace(/^/gm, '  '),
    ...(explain ? [paint('gray', `  ${scoreWords(passage)}  ${oneLine(passage.path)}`)] : []),
  ]
}

/** `score 1.83 = text 1.00 + vectors 0.62 + note 0.21` */
function scoreWords({ score, parts }: Passage): string {
  const sum = Object.entries(parts)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .map(([name, part], i) => `${part < 0 ? '− ' : i === 0 ? '' : '+ '}${name} ${Math.abs(part).toFixed(2)}`)
  return `score ${score.toFixed(2)} = ${sum.join(' ')}`
}
