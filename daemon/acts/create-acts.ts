import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, realpath, rm } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import type { Act, ActEffect } from '../../core/act.ts'
import { MINUTE } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Task } from '../../core/task.ts'
import { runCommand } from '../processes/run-command.ts'
import { plainTail } from '../proof/run-check.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { syncFolder } from '../worktrees/durable-file.ts'
import type { Acts } from './acts.ts'
import { runProbes } from './probe.ts'
import { reachWords } from './ssh-config.ts'
import { openSshPlace, type SshPlace, type SshPlaceDeps } from './ssh-place.ts'

export interface ActsDeps extends SshPlaceDeps {
  sandbox: Sandbox
  /** Takes secrets out of what is kept and told. */
  redact(text: string): string
  /** Whole outputs are kept here, by digest. */
  outputDir: string
  /** Folders of this machine that no run may write in. */
  foldersForbidden: readonly string[]
}

const UNDO_MS_MAX = 10 * MINUTE

export function createActs(deps: ActsDeps): Acts {
  const { world } = deps

  /** A place that is opened when somebody needs it, at most once. */
  function lazily(task: Task, goal: Goal, purpose: string) {
    let opened: Promise<SshPlace> | undefined
    return {
      place: () => (opened ??= openPlace(task, goal, purpose)),
      async [Symbol.asyncDispose]() {
        // What could not be opened has told whoever asked for it.
        await opened?.then(
          (place) => place[Symbol.asyncDispose](),
          () => {},
        )
      },
    }
  }

  /** Processes of the place carry the goal's id: those of a run end with each session of its agent. */
  function openPlace(task: Task, goal: Goal, purpose: string): Promise<SshPlace> {
    const name = `${task.id.slice(-12)}-${purpose}`
    return openSshPlace(deps, { act: actOf(task), name, owner: `${goal.id}/ssh-${name}` })
  }

  return {
    async probe({ task, goal, isAfterWork, tag }, signal) {
      await using place = lazily(task, goal, tag.split('/').at(-1) ?? 'probe')
      return await runProbes(
        { world, path: deps.path, redact: deps.redact, keep: (digest, packed) => keep(deps.outputDir, digest, packed) },
        { act: actOf(task), place: place.place, isAfterWork, tag, signal },
      )
    },

    async open({ task, goal, path }) {
      const act = actOf(task)
      await using parts = new AsyncDisposableStack()
      const env: Record<string, string> = {}
      const writable = await Promise.all(filesHere(act).map((file) => openOutside(deps, file, parts)))
      const readable: string[] = []
      if (act.hosts.length > 0) {
        const ssh = parts.use(await openPlace(task, goal, 'run'))
        env['PATH'] = [ssh.bin, path].join(delimiter)
        readable.push(ssh.folder)
      }
      const owned = parts.move()
      return {
        env,
        writable,
        readable,
        hosts: act.hosts.map(reachWords),
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      }
    },

    async undo({ task, goal, effect }, signal) {
      const command = effect.undo
      if (command === null) throw new Error(`the effect ${effect.name} has no undo command`)
      const common = {
        cwd: '/',
        runId: `${goal.id}/undo-${task.number}`,
        timeoutMs: UNDO_MS_MAX,
        outputBytesMax: 0,
        signal,
      }
      if (effect.host !== null) {
        await using place = lazily(task, goal, 'undo')
        const { bin } = await place.place()
        const argv = [`${bin}/ssh`, effect.host, command] as const
        const end = await runCommand(world, { ...common, argv, env: { PATH: deps.path, LANG: 'C.UTF-8' } })
        return { exitCode: end.exitCode, timedOut: end.timedOut, tail: deps.redact(plainTail(end.tail)) }
      }
      const room = await mkdtemp(join(deps.dir, 'claw-undo-'))
      try {
        // To take a file away its folder must be writable; nothing else is.
        const folder = dirname(effect.name.replace(/\/+$/, ''))
        await using confined = await deps.sandbox.confine(['sh', '-ec', command], {
          cwd: room,
          writable: [room, ...(existsSync(folder) ? [folder] : [])],
          readable: [],
          hidden: [],
          network: 'none',
          env: { PATH: deps.path, HOME: room, TMPDIR: room, LANG: 'C.UTF-8' },
        })
        const end = await runCommand(world, { ...common, cwd: room, argv: confined.argv, env: confined.env })
        return { exitCode: end.exitCode, timedOut: end.timedOut, tail: deps.redact(plainTail(end.tail)) }
      } finally {
        await rm(room, { recursive: true, force: true, maxRetries: 3 })
      }
    },
  }
}

function actOf(task: Task): Act {
  if (task.spec.act) return task.spec.act
  throw new Error(`task ${task.id} is no act`)
}

/** The files and folders of this machine that an act declares. */
export function filesHere(act: Act | undefined): string[] {
  return (act?.effects ?? [])
    .filter(({ kind, host }: ActEffect) => kind === 'file' && host === null)
    .map(({ name }) => name)
}

/**
 * Makes one declared file or folder something that a sandbox can leave writable: it must be there. A file that is
 * not there yet is begun empty, and taken away again where the run left it so.
 */
async function openOutside(deps: ActsDeps, path: string, parts: AsyncDisposableStack): Promise<string> {
  const isFolder = path.endsWith('/')
  const clean = path.replace(/\/+$/, '')
  if (!existsSync(clean)) {
    if (!existsSync(dirname(clean)))
      throw new Fault('act_not_ready', `${path} is to be written, and there is no folder ${dirname(clean)}`, {
        hint: 'Make the folder, or declare it (with a slash at its end) as what is changed.',
      })
    if (isFolder) await mkdir(clean)
    else {
      await (await open(clean, 'wx', 0o644)).close()
      parts.defer(async () => {
        if ((await readFile(clean).catch(() => undefined))?.length === 0) await rm(clean)
      })
    }
  }
  const real = await realpath(clean)
  const forbidden = deps.foldersForbidden.find(
    (folder) => real === folder || real.startsWith(`${folder}/`) || folder.startsWith(`${real}/`),
  )
  if (forbidden !== undefined)
    throw new Fault('path_unsafe', `${path} leads into ${forbidden}, where no run may change anything`)
  return real
}

/** Like the output of any check: found again by its digest, on the disk before a proof names it. */
async function keep(dir: string, digest: string, packed: Buffer): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, `${digest}.log.gz`)
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(packed)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await syncFolder(dir)
  return file
}
