import { resolve } from 'node:path'
import { type BackupMade, LEFT_OUT } from '../../config/backup-file.ts'
import { countOf } from '../../core/count.ts'
import { connect } from '../daemon.ts'
import { EXIT } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { bytes } from '../text.ts'

/** The daemon makes it, so that it is of one moment; exit code 1 when some work could not be taken along. */
export async function backup(
  surface: Surface,
  file: string | undefined,
  options: { withSecrets?: boolean },
): Promise<number> {
  const client = await connect(surface, { start: true })
  const json = {
    file: file === undefined ? null : resolve(surface.cwd, file),
    withSecrets: options.withSecrets === true,
  }
  const made = (await (await client.v1.backup.$post({ json })).json()) as BackupMade
  if (surface.isJson) surface.printJson(made)
  else {
    surface.print(made.file)
    const work = made.repositories > 0 ? `, work of ${countOf(made.repositories, 'clone')}` : ''
    surface.say(`${bytes(made.bytes)}, ${countOf(made.files, 'file')}${work}${made.secrets ? ', with secrets' : ''}`)
    surface.say(surface.paintErr('gray', `${LEFT_OUT}.`))
    for (const words of made.trouble) surface.say(`claw: not in it: ${words}`)
  }
  return made.trouble.length > 0 ? EXIT.failed : EXIT.ok
}
