import { type Started, UNKNOWN } from './read-script.ts'

/**
 * Which commands act on the world outside, whatever the sandbox: they leave this machine, speak in the
 * owner's name, or act with other rights. Pure; by program and words, never by how the text looks.
 */
const PROGRAMS = new Set(
  `ssh scp sftp rsync ftp telnet nc ncat netcat socat sudo su doas pkexec systemctl service crontab at launchctl docker podman
   nerdctl kubectl helm terraform tofu pulumi ansible ansible-playbook aws gcloud az doctl heroku vercel netlify fly
   flyctl wrangler railway gh glab hub tea sendmail mail mutt twine semantic-release np release-it goreleaser
   shutdown reboot mount umount insmod modprobe iptables nft`.split(/\s+/),
)

const PACKAGE = [
  'publish',
  'unpublish',
  'login',
  'logout',
  'adduser',
  'deprecate',
  'dist-tag',
  'owner',
  'token',
  'access',
  'star',
]
const SUBCOMMANDS: Record<string, readonly string[]> = {
  git: ['push', 'send-email', 'svn', 'p4', 'credential', 'request-pull', 'send-pack', 'http-push', 'daemon'],
  npm: PACKAGE,
  pnpm: PACKAGE,
  yarn: PACKAGE,
  bun: PACKAGE,
  lerna: ['publish', 'version'],
  changeset: ['publish'],
  cargo: ['publish', 'login', 'logout', 'yank', 'owner'],
  poetry: ['publish'],
  uv: ['publish'],
  flit: ['publish'],
  hatch: ['publish'],
  gem: ['push', 'yank', 'signin', 'owner'],
  mvn: ['deploy', 'release:perform'],
  gradle: ['publish', 'uploadArchives', 'publishPlugins'],
  gradlew: ['publish', 'uploadArchives', 'publishPlugins'],
  dotnet: ['nuget'],
  mix: ['hex.publish'],
  deno: ['publish', 'deploy'],
  jsr: ['publish'],
}
/** Options in front of a subcommand that take a word of their own. */
const TAKES_WORD =
  /^(-C|-c|--git-dir|--work-tree|--namespace|--prefix|--registry|--userconfig|-w|--workspace|--filter|--manifest-path|--config|-p)$/
const CURL_SENDS =
  /^(-X|--request|-d|--data.*|-F|--form.*|-T|--upload-file|--json|-K|--config)$|^-[a-zA-Z]*[dFT].*$|^--(data|form|json|request|upload)\b.*=/
const WGET_SENDS = /^--(post-data|post-file|method|body-data|body-file)\b/
/** They decide which programs run, or what is loaded into them. */
const STEERING = /^(LD_|DYLD_|GIT_SSH|GIT_PROXY|GIT_EXTERNAL|GIT_CONFIG|BASH_ENV$|ENV$|PROMPT_COMMAND$)/

/** What makes it outward, in words; undefined where nothing does. */
export function outwardIn(started: readonly Started[]): string | undefined {
  for (const { words, sets } of started) {
    const [program = '', ...rest] = words
    if (program.includes(UNKNOWN)) return 'a program that is only known when it runs'
    if (PROGRAMS.has(program)) return program
    const set = sets.find((name) => STEERING.test(name))
    if (set) return `${set}=…`
    const sub = subcommandOf(rest)
    if (program === 'git' && sub === 'remote' && !isLooking(rest)) return 'git remote'
    const known = SUBCOMMANDS[program]
    if (known && sub?.includes(UNKNOWN)) return `${program} with a command that is only known when it runs`
    if (known && sub !== undefined && known.includes(sub)) return `${program} ${sub}`
    // `yarn npm publish`, `gradle :lib:publish`, `npm --workspaces publish` and the like.
    if (
      known &&
      program !== 'git' &&
      rest.some(
        (word) =>
          known.includes(word.replace(/^.*:/, '')) &&
          /^(publish|deploy|uploadArchives|publishPlugins)$/.test(word.replace(/^.*:/, '')),
      )
    )
      return `${program} ${rest.find((word) => known.includes(word.replace(/^.*:/, '')))}`
    if (program === 'curl' && rest.some((word) => CURL_SENDS.test(word) && !isGet(word, rest))) return 'curl that sends'
    if (program === 'wget' && rest.some((word) => WGET_SENDS.test(word))) return 'wget that sends'
  }
  return undefined
}

function subcommandOf(words: readonly string[]): string | undefined {
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (TAKES_WORD.test(word)) at++
    else if (!word.startsWith('-')) return word
  }
  return undefined
}

function isLooking(words: readonly string[]): boolean {
  const rest = words.slice(words.indexOf('remote') + 1).filter((word) => !/^(-v|--verbose)$/.test(word))
  return rest.length === 0 || /^(get-url|show)$/.test(rest[0]!)
}

function isGet(word: string, words: readonly string[]): boolean {
  return /^(-X|--request)$/.test(word) && /^(GET|HEAD)$/i.test(words[words.indexOf(word) + 1] ?? '')
}
