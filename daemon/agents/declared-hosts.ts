import { splitCommands } from './shell-words.ts'

/**
 * Whether a command goes nowhere but to hosts that its task declares, which the owner agreed to. Pure, and of the
 * first word of each command alone: what stands behind `ssh web1` is done there, by that account.
 *
 * The run's ssh knows no other host and holds no key for one; this only spares the owner a question whose answer
 * they gave before.
 */
export function goesToDeclaredHosts(
  command: string,
  hosts: readonly string[],
  isInside: (words: readonly string[]) => boolean,
): boolean {
  const commands = hosts.length > 0 ? splitCommands(command) : undefined
  return commands?.every((words) => isTransfer(words, hosts) || isInside(words)) === true
}

/** Options that take no value, and say nothing of where it goes or through what. */
const PLAIN_OPTION = /^-[46CTaknpqrtvxz]+$/
const OPTION_WITH_VALUE = /^-(o|P|l|p|i|F|J|e|E|R|L|D|W|w|b|B|c|m|S|Q|I|O)/
const SAFE_SETTINGS = /^-o(BatchMode=yes|ConnectTimeout=\d+)$/

function isTransfer([program, ...words]: readonly string[], hosts: readonly string[]): boolean {
  if (program !== 'ssh' && program !== 'scp' && program !== 'sftp') return false
  const rest: string[] = []
  for (const [index, word] of words.entries()) {
    if (!word.startsWith('-')) {
      rest.push(...words.slice(index))
      break
    }
    if (!PLAIN_OPTION.test(word) && !SAFE_SETTINGS.test(word)) return false
    if (OPTION_WITH_VALUE.test(word) && !SAFE_SETTINGS.test(word)) return false
  }
  if (program !== 'scp') return rest[0] !== undefined && hosts.includes(rest[0])
  const remote = rest.filter((word) => /^[^/]*:/.test(word))
  return (
    rest.length > 1 && remote.length > 0 && remote.every((word) => hosts.includes(word.slice(0, word.indexOf(':'))))
  )
}
