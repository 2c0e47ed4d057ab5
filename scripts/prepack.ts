/**
 * Makes `dist/` for the published package: JavaScript, since Node strips no types under node_modules, and
 * beside it the files that the code reads at run time (prompts, migrations).
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const FOLDERS = ['core', 'config', 'memory', 'tools', 'daemon', 'cli']

rmSync(dist, { recursive: true, force: true })
// Found where npm put it: in a hoisted install node_modules need not be ours.
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
const tsc = spawnSync(process.execPath, [join(typescript, 'bin', 'tsc'), '-p', 'tsconfig.publish.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (tsc.status !== 0) process.exit(tsc.status ?? 1)

const read = globSync(
  FOLDERS.map((folder) => `${folder}/**/*`),
  { cwd: root, withFileTypes: true },
)
  .filter((file) => file.isFile() && !/\.(ts|tsx|js)$/.test(file.name))
  .map((file) => join(file.parentPath, file.name).slice(root.length))
for (const file of read) {
  mkdirSync(dirname(join(dist, file)), { recursive: true })
  copyFileSync(join(root, file), join(dist, file))
}
process.stderr.write(`dist: compiled, and ${read.length} other files copied\n`)
