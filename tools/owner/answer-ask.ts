import { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import { AskName, AskShape, askLine, clip, shapeAsk } from '../shapes.ts'
import { defineTool, type Form, PersonNeeded } from '../tool.ts'

export const answerAsk = defineTool({
  name: 'answer_ask',
  title: 'Answer an ask',
  description:
    'Answer one of the inbox’s questions with what the owner said: a choice’s id, words, or both. With neither, the question is put to the person at this client, where the client can do that. Of two answers the first wins. Do not answer for the owner.',
  scope: 'owner',
  readOnly: false,
  destructive: true,
  idempotent: false,
  input: z.strictObject({
    ask: AskName,
    choice: z.string().min(1).max(100).optional().describe('The id of one of its choices.'),
    text: z.string().trim().min(1).max(100_000).optional().describe('The owner’s words, where the ask takes words.'),
  }),
  output: AskShape,
  async run({ ask: name, choice, text }, { inbox }, { by, canAskPerson, person }) {
    if (choice !== undefined || text !== undefined) {
      return shapeAsk(await inbox.answer(name, { choice: choice ?? null, text: text ?? null, by }))
    }
    const ask = shapeAsk(await inbox.get(name))
    if (ask.state !== 'open') return ask
    if (person) {
      if (person.action !== 'accept') {
        throw new Fault('input_invalid', `The person at the client did not answer ask ${ask.ask}; it stays open`)
      }
      const said = {
        choice: textOf(person.content['choice']),
        text: textOf(person.content['text']),
        by: `${by} (in person)`,
      }
      return shapeAsk(await inbox.answer(name, said))
    }
    if (!canAskPerson) {
      throw new Fault(
        'input_invalid',
        `Ask ${ask.ask} needs a choice or text, and this client cannot put a form before a person`,
        {
          hint: `Ask the owner yourself: ${askLine(ask)}`,
        },
      )
    }
    return new PersonNeeded(clip(`${ask.question}\n\n${ask.detail}`.trim(), 4000), formOf(ask))
  },
  text: askLine,
})

function formOf({ choices, freeText }: AskShape): Form {
  const choice = {
    type: 'string',
    title: 'Answer',
    enum: choices.map(({ id }) => id),
    enumNames: choices.map(({ label }) => label),
  } as const
  const text = { type: 'string', title: choices.length > 0 ? 'Your words (may be left empty)' : 'Your words' } as const
  return {
    type: 'object',
    properties: { ...(choices.length > 0 ? { choice } : {}), ...(freeText || choices.length === 0 ? { text } : {}) },
    required: choices.length > 0 ? (freeText ? [] : ['choice']) : ['text'],
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, 100_000) : null
}
