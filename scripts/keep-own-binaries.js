/**
 * Takes out of node_modules what this machine can never load: onnxruntime-node brings the binaries of every
 * platform, 240 MB of them for others. npm runs this (`dependencies` in package.json) whenever node_modules of a
 * checkout has changed. Plain JavaScript: it runs on whatever Node npm has. It never fails an install.
 */
import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const modules = fileURLToPath(new URL('../node_modules', import.meta.url))

for (const abi of foldersIn(join(modules, 'onnxruntime-node', 'bin'))) {
  for (const platform of foldersIn(abi)) {
    if (basename(platform) !== process.platform) remove(platform)
    else for (const arch of foldersIn(platform)) if (basename(arch) !== process.arch) remove(arch)
  }
}

function foldersIn(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name))
  } catch {
    return [] // not installed: --omit=optional
  }
}

function remove(folder) {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch {
    // Somebody else's folder; it only takes room.
  }
}
