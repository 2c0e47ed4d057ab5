import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/**
 * What an install brings for the memory's sake. The libraries would bring a browser's runtime, an image library, a
 * second copy of themselves and CUDA; nothing of that is ever loaded here.
 */
const MODULES = join(import.meta.dirname, '../../node_modules')
const hasVectors = existsSync(join(MODULES, '@lancedb/lancedb'))
const installed = hasVectors ? test : test.skip
const MB = 1024 * 1024

function bytesIn(folder: string): number {
  const path = join(MODULES, folder)
  if (!existsSync(path)) return 0
  return globSync('**/*', { cwd: path }).reduce((sum, file) => sum + statSync(join(path, file)).size, 0)
}

installed(
  'what is never loaded is not there: one copy of each library, none for browsers, images, CUDA or other platforms',
  () => {
    const own = join(MODULES, '@lancedb/lancedb/node_modules')
    expect(existsSync(own) ? readdirSync(own).filter((name) => !name.startsWith('.')) : []).toEqual(['openai'])
    for (const empty of ['@lancedb/lancedb/node_modules/openai', 'onnxruntime-web', 'sharp']) {
      expect(bytesIn(empty), empty).toBeLessThan(MB / 10)
    }
    const files = globSync('**/*', { cwd: join(MODULES, 'onnxruntime-node') })
    expect(files.filter((name) => /cuda|tensorrt/i.test(name))).toEqual([])
    const binaries = globSync('bin/*/*/*', { cwd: join(MODULES, 'onnxruntime-node') })
    expect(binaries.map((path) => path.split('/').slice(2).join('/'))).toEqual([`${process.platform}/${process.arch}`])
  },
)

installed('the whole of it stays within what the README says', () => {
  const parts = readdirSync(join(MODULES, '@lancedb')).map((name) => `@lancedb/${name}`)
  const all = [...parts, '@huggingface', 'onnxruntime-node', 'onnxruntime-common', 'apache-arrow']
  expect(all.reduce((sum, folder) => sum + bytesIn(folder), 0) / MB).toBeLessThan(260)
})

test('nothing of it may run a script, and so nothing downloads, when it is installed', () => {
  const root = join(MODULES, '..')
  const { allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const withScripts = Object.entries<{ hasInstallScript?: boolean; dev?: boolean }>(packages)
    .filter(([, found]) => found.hasInstallScript && !found.dev)
    .map(([path]) => path.split('node_modules/').at(-1)!)
  expect(withScripts).toContain('onnxruntime-node')
  // Node itself comes as a package whose script puts the binary in its place.
  expect(withScripts.filter((name) => allowScripts[name] !== false)).toEqual(['node'])
  // npm 10 knows no allowScripts; the library itself knows this line.
  expect(readFileSync(join(root, '.npmrc'), 'utf8')).toContain('onnxruntime-node-install=skip')
})
