import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { backupName, DAILY_NAME } from '../../config/backup-file.ts'
import type { World } from '../../core/world.ts'
import type { MakeBackup } from '../backup/make-backup.ts'
import { latestEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Chore } from './upkeep.ts'

/** The last event that the newest daily backup holds. */
const KEPT = 'backup.lastEvent'

/**
 * A backup a day, of which the newest few are kept. Only archives that this chore made are ever removed, and
 * only after a new one stands. A day on which nothing happened makes none.
 */
export function dailyBackup(deps: {
  store: Store
  world: World
  makeBackup: MakeBackup
  backupsDir: string
  notesDir: string
  keep: number
}): Chore {
  const { store, world, backupsDir } = deps
  return {
    name: 'daily backup',
    async run() {
      const names = await dailies(backupsDir)
      const latest = await latestEvent(store.db)
      const row = await store.db.selectFrom('setting').select('value').where('name', '=', KEPT).executeTakeFirst()
      const newest = names.at(-1)
      if (newest && row?.value === String(latest)) {
        const { mtimeMs } = await stat(join(backupsDir, newest))
        if ((await changedAt(deps.notesDir)) <= mtimeMs) return
      }
      await deps.makeBackup({ file: join(backupsDir, backupName(world.clock.now(), 'daily-')) })
      await store.db
        .insertInto('setting')
        .values({ name: KEPT, value: String(latest) })
        .onConflict((one) => one.column('name').doUpdateSet({ value: String(latest) }))
        .execute()
      for (const name of (await dailies(backupsDir)).slice(0, -deps.keep))
        await rm(join(backupsDir, name), { force: true })
    },
  }
}

/** Oldest first: the names say when. */
async function dailies(dir: string): Promise<string[]> {
  return (await readdir(dir).catch(() => [] as string[])).filter((name) => DAILY_NAME.test(name)).sort()
}

async function changedAt(dir: string): Promise<number> {
  const names = await readdir(dir, { recursive: true }).catch(() => [] as string[])
  let newest = 0
  for (const name of names)
    newest = Math.max(newest, (await stat(join(dir, name)).catch(() => undefined))?.mtimeMs ?? 0)
  return newest
}
