/**
 * What an archive made by `claw backup` holds: the daemon writes it, the command line reads it back.
 *
 * A gzipped tar. `manifest.json` comes first and names every other file with its digest; nothing that it
 * does not name is ever put into a home.
 */
import { z } from 'zod'

export const MANIFEST = 'manifest.json'
export const DATABASE = 'state/claw.db'

/** Folders of a home that a backup carries whole. */
export const CARRIED_FOLDERS = ['notes', 'reports', 'attachments', 'skills'] as const

/** What lies in the home beside them and is carried only when asked for. */
export const SECRET_PLACES = ['secrets.json', 'secrets', 'logins'] as const

/** Said with every backup, so that nobody finds it out on a bad day. */
export const LEFT_OUT =
  'worktrees, caches, raw agent wires and the outputs of checks are not in it; your own repositories are not either'

/** Where a restored clone finds the work that only Claw had; beside the clones, where nothing else looks. */
export const RESTORED_FOLDER = 'restored'

/** `refs` are all of Claw's own in one clone; the bundle holds the commits that the owner's repository has not. */
export const CarriedRefs = z.object({ refs: z.record(z.string(), z.string()), bundle: z.boolean() })
export type CarriedRefs = z.infer<typeof CarriedRefs>

export const Manifest = z.object({
  claw: z.literal('backup'),
  format: z.literal(1),
  version: z.string(),
  /** The number of migrations that the database has seen. */
  schema: z.int(),
  madeAt: z.number(),
  /** Where it was made: paths in the database that begin with it are rewritten. */
  home: z.string(),
  secrets: z.boolean(),
  /** The newest event in it: what came later is not. */
  lastEvent: z.int(),
  files: z.array(z.object({ path: z.string(), bytes: z.int(), sha256: z.string() })),
})
export type Manifest = z.infer<typeof Manifest>

/** What a backup says of itself once it is on the disk. */
export interface BackupMade {
  file: string
  bytes: number
  madeAt: number
  files: number
  /** Clones with work that only Claw has. */
  repositories: number
  secrets: boolean
  /** What could not be taken along, in words; empty when all is well. */
  trouble: string[]
}

/** `claw-20261123-065239.tar.gz`, in UTC, so that names sort by time. */
export function backupName(at: number, kind: '' | 'daily-' = ''): string {
  const moment = new Date(at).toISOString()
  return `claw-${kind}${moment.slice(0, 10).replaceAll('-', '')}-${moment.slice(11, 19).replaceAll(':', '')}.tar.gz`
}

/** What the daily one is called: only those are ever cleared away. */
export const DAILY_NAME = /^claw-daily-\d{8}-\d{6}\.tar\.gz$/
