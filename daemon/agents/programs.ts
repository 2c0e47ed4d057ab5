import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { findProgram } from '../sandbox/find-sandbox.ts'

/** A program as it is to be started. */
export interface FoundProgram {
  /** Absolute; a script of Claw's own dependencies is given the Node that runs Claw. */
  argv: [string, ...string[]]
  file: string
  /** What a sandbox must leave readable for it to run. */
  readable: string[]
}

/** Where agent programs are found: what Claw brought itself first (it was tested with that), then the owner's PATH. */
export interface Programs {
  /** The Node that runs Claw, absolute. */
  readonly node: string
  readonly path: string
  find(name: string): FoundProgram | undefined
}

export interface ProgramsOptions {
  node: string
  path: string
  /** Claw's own node_modules. */
  nodeModules: string
  /** Never made readable as a whole because a program happens to lie in them: the owner's HOME, the Claw home. */
  privateFolders: readonly string[]
}

export function createPrograms({ node, path, nodeModules, privateFolders }: ProgramsOptions): Programs {
  const nodeFile = realpathSync(node)
  return {
    node: nodeFile,
    path,
    find(name) {
      if (isAbsolute(name)) return isExecutable(name) ? describe(name) : undefined
      const own = join(nodeModules, '.bin', name)
      if (isExecutable(own)) {
        const file = realpathSync(own)
        const readable = [realpathSync(nodeModules), nodeFile]
        return { argv: isNodeScript(file) ? [nodeFile, file] : [file], file, readable }
      }
      const file = findProgram(name, path)
      return file === undefined ? undefined : describe(file)
    },
  }

  /** Started by the name it was found under: some programs look at it (version managers' shims). */
  function describe(file: string): FoundProgram {
    const real = realpathSync(file)
    const home = packageFolder(real)
    const isPrivate = privateFolders.some((folder) => !relative(home, folder).startsWith('..'))
    return { argv: [file], file, readable: [...new Set([file, real, ...(isPrivate ? [] : [home])])] }
  }
}

/** The outermost node_modules it lies in (its dependencies may be hoisted that far), else its folder. */
function packageFolder(file: string): string {
  const at = file.indexOf('/node_modules/')
  return at < 0 ? dirname(file) : file.slice(0, at + '/node_modules'.length)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

function isNodeScript(file: string): boolean {
  const handle = openSync(file, 'r')
  try {
    const start = Buffer.alloc(64)
    const length = readSync(handle, start, 0, start.length, 0)
    return /^#!.*\bnode\b/.test(start.subarray(0, length).toString('latin1'))
  } finally {
    closeSync(handle)
  }
}
