import { resolve } from 'node:path'
import { findDaemonFile } from '../../config/daemon-file.ts'
import { pathsIn } from '../../config/paths.ts'
import { countOf } from '../../core/count.ts'
import { Fault } from '../../core/fault.ts'
import { answers, isAlive } from '../daemon.ts'
import { EXIT, usage } from '../exit.ts'
import { restoreHome } from '../restore/restore-home.ts'
import { findLoss, type Loss, listSnapshots, takeSnapshotBack } from '../restore/snapshot.ts'
import type { Surface } from '../surface.ts'
import { ago, oneLine } from '../text.ts'
import { prompt } from './stdin.ts'

export interface RestoreOptions {
  home?: string
  force?: boolean
  snapshot?: boolean | number
  yes?: boolean
  json?: boolean
}

export async function restore(surface: Surface, file: string | undefined, options: RestoreOptions): Promise<number> {
  if (options.snapshot !== undefined) {
    if (file !== undefined) throw usage('Name a file or give --snapshot, not both')
    return goBack(surface, options)
  }
  if (file === undefined) throw usage('Name the archive, or give --snapshot to go back a version')
  const home = options.home === undefined ? surface.paths.home : resolve(surface.cwd, options.home)
  await refuseWhileRunning(home)
  const restored = await restoreHome(resolve(surface.cwd, file), home, {
    force: options.force === true,
    now: surface.now(),
  })
  const { manifest, movedTo, goals, workspaces } = restored
  const twin = manifest.home !== home && runsIn(manifest.home)
  if (surface.isJson) {
    surface.printJson({ home, movedTo, goals, workspaces, madeAt: manifest.madeAt, schema: manifest.schema })
  } else {
    surface.print(
      `${home}: ${countOf(goals, 'goal')}, as of ${ago(manifest.madeAt, surface.now())} (${manifest.version})`,
    )
    if (movedTo) surface.say(`What stood there is in ${movedTo}`)
    if (!manifest.secrets)
      surface.say('Secrets were not in it; keys in the environment and files of yours are used as before.')
    surface.say('Clones are made again from your repositories when a goal needs them. Start: claw daemon start')
  }
  if (twin) {
    surface.say(
      `claw: a daemon still runs on ${manifest.home}: stop it before you start this one, they hold the same goals`,
    )
  }
  return EXIT.ok
}

async function goBack(surface: Surface, options: RestoreOptions): Promise<number> {
  const { paths } = surface
  await refuseWhileRunning(paths.home)
  const all = listSnapshots(paths)
  const wanted = typeof options.snapshot === 'number' ? options.snapshot : all[0]?.before
  const snapshot = all.find(({ before }) => before === wanted)
  if (!snapshot) {
    const there = all.length > 0 ? `there are: ${all.map(({ before }) => before).join(', ')}` : 'there is none yet'
    throw new Fault('input_invalid', `No snapshot${wanted === undefined ? '' : ` from before ${wanted}`}: ${there}`)
  }
  const loss = findLoss(paths, snapshot)
  if (!surface.isJson) for (const line of lossLines(loss, surface)) surface.print(line)
  if (options.yes !== true) {
    const isWanted = surface.canAsk && /^y(es)?$/i.test(await prompt(surface, 'Go back? [y/N] '))
    if (!isWanted) {
      if (surface.isJson) surface.printJson({ restored: false, loss })
      surface.say('Nothing was changed. To go back: claw restore --snapshot --yes')
      return EXIT.failed
    }
  }
  const kept = takeSnapshotBack(paths, snapshot, surface.now())
  if (surface.isJson) surface.printJson({ restored: true, loss, kept })
  else {
    surface.print(`The database is the one from before migration ${snapshot.before}.`)
    surface.say(`The one until now is kept: ${kept}`)
    surface.say('Start the older Claw; this one would bring the database forward again.')
  }
  return EXIT.ok
}

/** What happened since, most grievous first. */
export function lossLines(loss: Loss, surface: Pick<Surface, 'now'>): string[] {
  const since =
    loss.takenAt === null ? 'before anything happened' : `taken after what happened ${ago(loss.takenAt, surface.now())}`
  const goal = ({ number, text }: { number: number; text: string }) => `#${number} ${oneLine(text).slice(0, 60)}`
  return [
    `The snapshot has schema ${loss.schemaThen} (now ${loss.schemaNow}), ${since}. Since then, and lost to Claw:`,
    ...loss.goalsAdded.map((one) => `  goal ${goal(one)}: added, ${one.state}`),
    ...loss.goalsMoved.map((one) => `  goal ${goal(one)}: ${one.is}, would be ${one.was} again`),
    ...loss.landings.map(
      (one) =>
        `  landed for #${one.goal}: ${one.commit.slice(0, 10)} on ${one.branch} (the commit stays in your repository)`,
    ),
    `  ${countOf(loss.answers, 'answer')} of yours and ${countOf(loss.events, 'event')}`,
  ]
}

async function refuseWhileRunning(home: string): Promise<void> {
  const running = await answers(pathsIn(home))
  if (!running) return
  throw new Fault('home_locked', `A daemon runs on ${home} (process ${running.pid})`, {
    hint: 'Stop it: claw daemon stop',
  })
}

function runsIn(home: string): boolean {
  const file = findDaemonFile(pathsIn(home).daemonFile)
  return file !== undefined && isAlive(file.pid)
}
