#!/usr/bin/env node
// @ts-check
/**
 * The launcher: plain JavaScript that any Node from 18 on can read.
 *
 * Claw needs Node >= 24.21 (TypeScript as it is, a SQLite that does not lose its log). Where this Node will
 * do, the program is simply imported, so that nothing is paid for; where it will not, the Node that came
 * with Claw (the `node` package) is started with the same terminal, signals and exit code.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { constants, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NEEDED = [24, 21]

// Node has followed the link that npm made on the PATH.
const here = dirname(fileURLToPath(import.meta.url))
// Node refuses to strip types under node_modules: a package carries JavaScript, a clone does not.
const packed = join(here, '..', 'dist', 'cli', 'claw.js')
const program = existsSync(packed) && isPackage() ? packed : join(here, 'claw.ts')

if (isGood(process.versions.node)) {
  useCompileCache()
  const { main } = await import(pathToFileURL(program).href)
  await main(process.argv.slice(2))
} else {
  const node = findNode()
  if (node) run(node)
  else {
    console.error(
      `claw: Node ${NEEDED.join('.')} or newer is needed and this is ${process.versions.node}; ` +
        'install it, or run `npm install` again so that the `node` package brings it',
    )
    process.exitCode = 1
  }
}

/** @param {string} version */
function isGood(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])
}

/** A clone that was packed once has a dist folder too; its sources are newer. */
function isPackage() {
  return !existsSync(join(here, 'claw.ts'))
}

function findNode() {
  try {
    const file = createRequire(import.meta.url).resolve('node/package.json')
    const node = join(dirname(file), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(node) && isGood(JSON.parse(readFileSync(file, 'utf8')).version) ? node : undefined
  } catch {
    return undefined
  }
}

/** Halves the start; in a folder of the owner's, since what lies in it is executed. */
function useCompileCache() {
  if (process.env.NODE_COMPILE_CACHE || process.env.NODE_DISABLE_COMPILE_CACHE) return
  try {
    const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'claw', 'compiled')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    module.enableCompileCache?.(folder)
    // For the daemon, should this be what starts it.
    process.env.NODE_COMPILE_CACHE = folder
  } catch {
    // a home that cannot be written to: slower, no worse
  }
}

/** @param {string} node */
function run(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  /** @type {NodeJS.Signals[]} */
  const passed = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGCONT']
  for (const signal of passed) {
    // Ctrl-C reaches the child by itself when both share a terminal: then we only wait.
    process.on(signal, () => {
      if (signal === 'SIGINT' && process.stdin.isTTY) return
      child.kill(signal)
    })
  }
  child.on('error', (error) => {
    console.error(`claw: ${node} cannot be started: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1))
  })
}
