import type { Command } from 'commander'
import type { AddChannelOptions } from './commands/channel.ts'
import type { ChatOptions } from './commands/chat.ts'
import type { PairOptions } from './commands/people.ts'
import { choices, type Json, type Leaf, type Run, repeated, wholeNumber } from './options.ts'

const ROLES = ['owner', 'member', 'guest']

/** The conversation at this machine, who else may talk to Claw, and where. */
export function chatCommands(program: Command, leaf: Leaf, run: Run): void {
  leaf(program, 'chat [text]', 'Talk with Claw; with words, say them and print the answer (`-`: from stdin).')
    .option('-f, --file <path>', 'A file that goes along; repeatable.', repeated)
    .option('--history [number]', 'Print what was said last, and nothing else.', wholeNumber)
    .action((text: string | undefined, options: Json & ChatOptions) =>
      run(options, async (surface) => (await import('./commands/chat.ts')).chat(surface, text, options)),
    )

  leaf(program, 'pair [code]', 'Let an account in by the code that it was given; without one, who waits.')
    .option('--name <name>', 'What to call them; a person who is there already gets the account too.')
    .addOption(choices('--role <role>', 'What they may do; default: guest, and owner for the first.', ROLES))
    .action((code: string | undefined, options: Json & PairOptions) =>
      run(options, async (surface) => (await import('./commands/people.ts')).pair(surface, code, options)),
    )

  const people = program.command('people').description('Who may talk to Claw: list, role, remove.')
  leaf(people, 'list', 'List people with their accounts (the short form is `claw people`).', {
    isDefault: true,
  }).action((options: Json) => run(options, async (surface) => (await import('./commands/people.ts')).list(surface)))
  leaf(people, 'role <person> <role>', 'Say what somebody may do: owner, member or guest.').action(
    (person: string, role: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/people.ts')).setRole(surface, person, role)),
  )
  leaf(people, 'remove <person>', 'Let somebody in no longer, from any account.').action(
    (person: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/people.ts')).remove(surface, person)),
  )

  const channel = program.command('channel').description('Channels that people write over: add, list, remove, test.')
  leaf(channel, 'add <name>', 'Set one up, with a live check: `claw channel add telegram`.')
    .option('--kind <kind>', 'What it is, where its name does not say so.')
    .option('--set <key=value>', 'One of its keys; repeatable. What is not given is asked for.', repeated)
    .option(
      '--secret <key=where>',
      'A secret, by where it is: env:NAME, file:/path, or `-` to read it from stdin; repeatable.',
      repeated,
    )
    .action((name: string, options: Json & AddChannelOptions) =>
      run(options, async (surface) => (await import('./commands/channel.ts')).add(surface, name, options)),
    )
  leaf(channel, 'list', 'List channels with how they are (the short form is `claw channel`).', {
    isDefault: true,
  }).action((options: Json) => run(options, async (surface) => (await import('./commands/channel.ts')).list(surface)))
  leaf(channel, 'test <name>', 'Ask the other side whether it still lets us in.').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/channel.ts')).test(surface, name)),
  )
  leaf(channel, 'remove <name>', 'Take one away with its secrets; what was said stays.').action(
    (name: string, options: Json) =>
      run(options, async (surface) => (await import('./commands/channel.ts')).remove(surface, name)),
  )
}
