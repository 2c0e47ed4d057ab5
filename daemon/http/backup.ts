import { isAbsolute } from 'node:path'
import { Hono } from 'hono'
import { Fault } from '../../core/fault.ts'
import type { MakeBackup } from '../backup/make-backup.ts'
import { BackupBody } from './bodies.ts'
import { body } from './valid.ts'

export function backupRoutes({ makeBackup }: { makeBackup: MakeBackup }) {
  return new Hono().post('/backup', body(BackupBody), async (c) => {
    const { file, withSecrets } = c.req.valid('json')
    if (file !== null && !isAbsolute(file)) throw new Fault('input_invalid', `${file} is not an absolute path`)
    return c.json(await makeBackup({ ...(file === null ? {} : { file }), withSecrets }), 201)
  })
}
