/** What a message asks for without any model: `/status`, `!yes 42`, or simply `status?`. Pure. */

export type Command =
  | { do: 'help' }
  | { do: 'status' }
  | { do: 'inbox' }
  | { do: 'goals' }
  | { do: 'goal'; text: string; repo?: string; branch?: string; agent?: string; autonomy?: string; land?: string }
  | {
      do: 'show' | 'plan' | 'diff' | 'proof' | 'report' | 'pause' | 'resume' | 'cancel' | 'undo' | 'accept'
      name: string
    }
  | { do: 'tell' | 'reject'; name: string; text: string }
  | { do: 'answer'; ask: string; choice: string | null; text: string | null; kind: 'yes' | 'no' | null }
  | { do: 'proposal'; number: number; isYes: boolean }
  | { do: 'recall' | 'remember'; text: string }
  | { do: 'schedule'; when: string; text: string }
  | { do: 'schedules' }
  | { do: 'wrong'; words: string }

const SIMPLE: Readonly<Record<string, Command['do']>> = {
  help: 'help',
  '?': 'help',
  start: 'help',
  commands: 'help',
  status: 'status',
  'how is it going': 'status',
  inbox: 'inbox',
  asks: 'inbox',
  goals: 'goals',
  schedules: 'schedules',
}

const NAME = /^#?(\d+(?:\.\d+)?|goal_\S+|task_\S+|proof_\S+)$/

/** Undefined: it is no command, a person is talking. */
export function readCommand(message: string, isGroup = false): Command | undefined {
  const text = message.trim()
  const found = commandIn(text)
  if (found || !isGroup) return found
  // In groups people write `@claw_bot status` or `claw: status`.
  const rest = text.replace(/^(?:<?@[^\s>]+>?[,:]?|[^\s,:]+[,:])\s+/, '')
  return rest === text ? undefined : commandIn(rest)
}

function commandIn(text: string): Command | undefined {
  const simple = SIMPLE[text.toLowerCase().replace(/[?!.\s]+$/, '') || text]
  if (simple) return { do: simple } as Command
  const answered = /^!?(yes|no)\s+#?(\d+)(?:\s+([\s\S]+))?$/i.exec(text)
  if (answered) return answerOf(answered[1]!.toLowerCase() as 'yes' | 'no', answered[2]!, answered[3])
  const found = /^[/!]([a-z]+)(?:@\S+)?(?:\s+([\s\S]*))?$/i.exec(text)
  if (!found) return undefined
  return named(found[1]!.toLowerCase(), (found[2] ?? '').trim())
}

function named(word: string, rest: string): Command | undefined {
  const [first = '', ...others] = rest.split(/\s+/)
  const after = rest.slice(first.length).trim()
  const name = NAME.exec(first)?.[1]
  switch (word) {
    case 'help':
    case 'start':
    case 'status':
    case 'inbox':
    case 'goals':
    case 'schedules':
      return { do: word === 'start' ? 'help' : word }
    case 'goal':
    case 'add':
    case 'new':
      return goalOf(rest)
    case 'show':
    case 'plan':
    case 'diff':
    case 'proof':
    case 'report':
    case 'pause':
    case 'resume':
    case 'cancel':
    case 'undo':
    case 'accept':
      if (name === undefined || others.length > 0) return wrong(`/${word} 12`)
      return { do: word, name }
    case 'tell':
    case 'steer':
    case 'reject':
      if (name === undefined || after === '') return wrong(`/${word} 12 what to do differently`)
      return { do: word === 'reject' ? 'reject' : 'tell', name, text: after }
    case 'yes':
    case 'no':
      return wrong(`/${word} 42`)
    case 'answer': {
      const [choice = '', ...words] = after.split(/\s+/)
      if (!/^#?\d+$/.test(first) || choice === '') return wrong('/answer 42 yes')
      const said = words.join(' ')
      return {
        do: 'answer',
        ask: first.replace('#', ''),
        choice,
        text: said === '' ? null : after.slice(choice.length).trim(),
        kind: null,
      }
    }
    case 'do':
    case 'drop':
      if (!/^#?\d+$/.test(rest)) return wrong(`/${word} 7`)
      return { do: 'proposal', number: Number(rest.replace('#', '')), isYes: word === 'do' }
    case 'recall':
    case 'remember':
      return rest === '' ? wrong(`/${word} how the tests are run`) : { do: word, text: rest }
    case 'schedule': {
      const [when = '', ...goal] = rest.split(/\s*[:|]\s+/)
      const words = rest.slice(when.length).replace(/^\s*[:|]\s+/, '')
      return goal.length === 0
        ? wrong('/schedule every weekday at 9: update the dependencies')
        : { do: 'schedule', when, text: words }
    }
    default:
      return undefined
  }
}

function answerOf(kind: 'yes' | 'no', ask: string, text: string | undefined): Command {
  return { do: 'answer', ask, choice: null, text: text?.trim() || null, kind }
}

const OPTION = /^--(repo|branch|agent|autonomy|land)[= ](\S+)\s*/

function goalOf(rest: string): Command {
  const options: Record<string, string> = {}
  let text = rest
  for (let found = OPTION.exec(text); found; found = OPTION.exec(text)) {
    options[found[1]!] = found[2]!
    text = text.slice(found[0].length)
  }
  if (text.trim() === '') return wrong('/goal make the tests green')
  return { do: 'goal', text: text.trim(), ...options } as Command
}

function wrong(example: string): Command {
  return { do: 'wrong', words: `Write it like this: \`${example}\`` }
}

/** Which of an ask's choices a plain yes or no, or a reaction, means; undefined where it means none. */
export function choiceFor(kind: 'yes' | 'no', choices: readonly { id: string }[]): string | undefined {
  const wanted =
    kind === 'yes'
      ? ['yes', 'accept', 'approve', 'allow', 'raise', 'retry']
      : ['no', 'reject', 'refuse', 'deny', 'drop-task', 'drop']
  return wanted.find((id) => choices.some((choice) => choice.id === id))
}

/** What a reaction to an ask means: thumbs, or a number in a box for the choice at that place. */
export function readReaction(emoji: string): { kind: 'yes' | 'no' } | { place: number } | undefined {
  const plain = emoji.replace(/[\ufe0f\u{1f3fb}-\u{1f3ff}]/gu, '')
  if (['👍', '✅', '👌', '❤', '🔥', '+1', 'thumbsup', 'white_check_mark'].includes(plain)) return { kind: 'yes' }
  if (['👎', '❌', '-1', 'thumbsdown', 'x'].includes(plain)) return { kind: 'no' }
  const digit = /^([1-9])\u20e3$/.exec(plain)?.[1]
  if (digit) return { place: Number(digit) }
  const word = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'].indexOf(plain)
  return word >= 0 ? { place: word + 1 } : undefined
}
