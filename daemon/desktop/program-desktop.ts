/**
 * The desktop by way of the programs that each system brings: `systemd-inhibit` and `notify-send` (or `gdbus`) on
 * Linux, `caffeinate` and `osascript` on macOS. Words that others wrote go in as arguments, never as a script.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { MINUTE, SECOND } from '../../core/clock.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import type { Desktop } from './desktop.ts'

export interface ProgramDesktopDeps {
  world: World
  platform: NodeJS.Platform
  path: string
  /** What a desktop's programs need of the session: bus addresses, display, HOME. */
  env: Readonly<Record<string, string | undefined>>
  pid: number
}

const NOTIFY_MS_MAX = 10 * SECOND
const TITLE_MAX = 100
const BODY_MAX = 400
/** After an inhibitor ended by itself; one that is refused each time must not be started each second. */
const REFUSED_MS = 10 * MINUTE
const SESSION = [
  'HOME',
  'DBUS_SESSION_BUS_ADDRESS',
  'DBUS_SYSTEM_BUS_ADDRESS',
  'XDG_RUNTIME_DIR',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'LANG',
]

export function createProgramDesktop({ world, platform, path, env, pid }: ProgramDesktopDeps): Desktop {
  const { clock } = world
  const log = world.log.child({ part: 'desktop' })
  const has = (name: string) => path.split(delimiter).some((folder) => folder !== '' && isProgram(join(folder, name)))
  const session = Object.fromEntries([
    ['PATH', path],
    ...SESSION.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  ]) as Record<string, string>
  const awake = awakeProgram(platform, has, pid)
  const speaker = speakers(platform).find(({ program }) => has(program))
  let refusedAt: number | undefined

  return {
    words: `sleep: ${awake ? `held off by ${awake[0]}` : 'not held off, no program for it'}; notices: ${speaker ? speaker.program : 'none, no program for them'}`,

    stayAwake(why) {
      const isTooSoon = refusedAt !== undefined && clock.monotonic() - refusedAt < REFUSED_MS
      if (!awake || isTooSoon) return { async [Symbol.asyncDispose]() {} }
      const [program, ...args] = awake
      // Its standard input is our end of a pipe: when we die, by whatever cause, it ends and lets go.
      const child = spawn(
        program,
        args.map((arg) => arg.replace(WHY, oneLine(why))),
        {
          env: session,
          stdio: ['pipe', 'ignore', 'ignore'],
        },
      )
      let isReleased = false
      child.stdin.on('error', () => {})
      const ended = endOf(child).then((how) => {
        if (isReleased) return
        refusedAt = clock.monotonic()
        log.debug({ program, how }, 'sleep is not held off')
      })
      return {
        async [Symbol.asyncDispose]() {
          if (isReleased) return
          isReleased = true
          child.stdin.destroy()
          child.kill('SIGTERM')
          using _hard = clock.after(2 * SECOND, () => child.kill('SIGKILL'))
          await ended
        },
      }
    },

    async notify({ title, body }) {
      if (!speaker) return false
      const args = speaker.args(oneLine(title).slice(0, TITLE_MAX), oneLine(body).slice(0, BODY_MAX))
      const child = spawn(speaker.program, args, { env: session, stdio: 'ignore' })
      using _limit = clock.after(NOTIFY_MS_MAX, () => child.kill('SIGKILL'))
      const how = await endOf(child)
      if (how !== 0) log.debug({ program: speaker.program, how }, 'a notice was not shown')
      return how === 0
    },
  }
}

const WHY = '{why}'

/** A command that holds sleep off until it is ended, or until its standard input closes. */
function awakeProgram(
  platform: NodeJS.Platform,
  has: (name: string) => boolean,
  pid: number,
): [string, ...string[]] | undefined {
  if (platform === 'darwin' && has('caffeinate')) return ['caffeinate', '-i', '-w', String(pid)]
  if (platform === 'linux' && has('systemd-inhibit')) {
    return ['systemd-inhibit', '--what=sleep:idle', '--who=Claw', `--why=${WHY}`, '--mode=block', 'cat']
  }
  return undefined
}

function speakers(platform: NodeJS.Platform): { program: string; args(title: string, body: string): string[] }[] {
  if (platform === 'darwin') {
    const script = 'on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run'
    return [{ program: 'osascript', args: (title, body) => ['-e', script, title, body] }]
  }
  if (platform !== 'linux') return []
  return [
    // Bodies may hold markup there; what others wrote must not.
    { program: 'notify-send', args: (title, body) => ['--app-name=Claw', '--', title, escapeMarkup(body)] },
    {
      program: 'gdbus',
      args: (title, body) => [
        'call',
        '--session',
        '--timeout=5',
        '--dest=org.freedesktop.Notifications',
        '--object-path=/org/freedesktop/Notifications',
        '--method=org.freedesktop.Notifications.Notify',
        // Types are named, since gdbus cannot ask a server that starts only now for them.
        '--',
        variantText('Claw'),
        'uint32 0',
        variantText(''),
        variantText(title),
        variantText(escapeMarkup(body)),
        '@as []',
        '@a{sv} {}',
        'int32 -1',
      ],
    },
  ]
}

function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A string in GVariant's own notation: nothing in it can end it. */
function variantText(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

function endOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
