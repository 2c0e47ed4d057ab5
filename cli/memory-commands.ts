import { type Command, InvalidArgumentError } from 'commander'
import { nearest } from '../core/fault.ts'
import type { NewNoteOptions, NoteListOptions } from './commands/note.ts'
import type { RecallOptions } from './commands/recall.ts'
import { choices, type Json, type Leaf, type Run, repeated, wholeNumber } from './options.ts'

const NOTE_KINDS = ['fact', 'preference', 'decision', 'recipe', 'episode', 'lesson']
const SCOPE_WORDS = 'global, a repository (path or URL), or a goal (#12)'

/** Notes, recall and the memory as a whole. */
export function memoryCommands(program: Command, leaf: Leaf, run: Run): void {
  const kinds = (words: string) => choices('--kind <kind>', words, NOTE_KINDS)
  const note = program.command('note').description('Notes: add, edit, show, list, rm, history, restore.')
  leaf(note, 'add [text]', 'Keep a note; `-` reads it from stdin, without words your editor opens.')
    .option('--title <title>', 'Its title; default: its first line.')
    .addOption(kinds('What it is; a preference is always given to agents.'))
    .option('--scope <scope>', `Where it holds: ${SCOPE_WORDS}; default: global.`)
    .option('--pin', 'Always give it to agents, like a preference.')
    .option('--subject <subject>', 'What it is about; with --attribute it replaces the note that said the same of it.')
    .option('--attribute <attribute>', 'What of the subject it says.')
    .option('--date <date>', 'When it was so: 2026-11-23.')
    .option('--tag <tag>', 'A tag; repeatable.', repeated)
    .option('--fetched-from <address>', 'Where the text was fetched: nobody vouches for it then.')
    .action((text: string | undefined, options: Json & NewNoteOptions) =>
      run(options, async (surface) => (await import('./commands/note.ts')).add(surface, text, options)),
    )
  leaf(note, 'edit <note>', 'Edit a note in your editor; it takes effect only when it is right.').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/note.ts')).edit(surface, name)),
  )
  leaf(note, 'show <note>', 'Show a note: by id, the start or end of one, or path.').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/note.ts')).show(surface, name)),
  )
  leaf(note, 'list', 'List notes, newest first.')
    .option('--scope <scope>', `Only of ${SCOPE_WORDS}.`)
    .addOption(kinds('Only of this kind.'))
    .option('--tag <tag>', 'Only with this tag.')
    .option('--past', 'Also those that hold no longer.')
    .option('--limit <number>', 'The newest so many, 1000 at most.', wholeNumber, 50)
    .action((options: Json & NoteListOptions) =>
      run(options, async (surface) => (await import('./commands/note.ts')).list(surface, options)),
    )
  leaf(note, 'rm <note>', 'Forget a note; its history keeps it.').action((name: string, options: Json) =>
    run(options, async (surface) => (await import('./commands/note.ts')).remove(surface, name)),
  )
  leaf(note, 'history <note>', 'Its versions, newest first; of a forgotten note by its whole id.').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/note.ts')).history(surface, name)),
  )
  leaf(
    note,
    'restore <note> [version]',
    'Bring an earlier version back; without one, what was before the last change.',
  ).action((name: string, version: string | undefined, options: Json) =>
    run(options, async (surface) => (await import('./commands/note.ts')).restore(surface, name, version)),
  )

  leaf(program, 'recall <question>', 'Ask the notes; words in quotation marks are found as written.')
    .option('--scope <scope>', `Only in ${SCOPE_WORDS}; repeatable; default: everywhere.`, repeated)
    .addOption(kinds('Only this kind; repeatable.').argParser(repeatedKind))
    .option('--limit <number>', 'Passages at most.', wholeNumber, 8)
    .option('--explain', 'Also say what each score is made of.')
    .action((question: string, options: Json & RecallOptions) =>
      run(options, async (surface) => (await import('./commands/recall.ts')).recall(surface, question, options)),
    )

  const memory = program
    .command('memory')
    .description('The memory: what it holds, status, reindex, audit, import, fetch-model.')
  leaf(memory, 'holds', 'What it holds (the short form is `claw memory`).', { isDefault: true }).action(
    (options: Json) => run(options, async (surface) => (await import('./commands/memory.ts')).holds(surface)),
  )
  leaf(memory, 'status', 'How it stands: notes, index, model, self-test.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/memory.ts')).status(surface)),
  )
  leaf(memory, 'reindex', 'Build the index anew from the notes.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/memory.ts')).reindex(surface)),
  )
  leaf(memory, 'audit', 'What you may want to look at: broken heads, twins, contradictions.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/memory.ts')).audit(surface)),
  )
  leaf(
    memory,
    'import <from>',
    'Bring notes in, shown first: a folder of Markdown, ~/.claude, ~/.codex, or the folder of an export of ChatGPT or Claude.',
  )
    .option('--scope <scope>', `Where they hold: ${SCOPE_WORDS}; default: global.`)
    .option('--yes', 'Write them without asking.')
    .action((from: string, options: Json & { scope?: string; yes?: boolean }) =>
      run(options, async (surface) => (await import('./commands/memory.ts')).importNotes(surface, from, options)),
    )
  leaf(memory, 'fetch-model', 'Fetch the embedding model, once, and check it.').action((options: Json) =>
    run(options, async (surface) => (await import('./commands/memory.ts')).fetchModel(surface)),
  )
}

function repeatedKind(value: string, before: string[] = []): string[] {
  if (NOTE_KINDS.includes(value)) return [...before, value]
  const near = nearest(value, NOTE_KINDS)
  throw new InvalidArgumentError(near ? `Did you mean ${near}?` : `Choose from ${NOTE_KINDS.join(', ')}.`)
}
