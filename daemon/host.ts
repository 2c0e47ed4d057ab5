import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The machine and the owner, as facts handed in: nothing below `main.ts` looks at the process. */
export interface Host {
  env: Readonly<Record<string, string | undefined>>
  path: string
  ownerHome: string
  /** The Node that runs Claw, absolute. */
  node: string
  /** Claw's own node_modules, where the agents that it brings itself lie. */
  nodeModules: string
  pid: number
  version: string
  platform: NodeJS.Platform
  /** The owner's time zone, IANA. */
  timezone: string
}

/** The folder of Claw itself: where its package.json lies, in a clone as in a published package. */
export function findProduct(from: string = fileURLToPath(import.meta.url)): { dir: string; version: string } {
  for (let dir = dirname(from); ; dir = dirname(dir)) {
    const file = `${dir}/package.json`
    if (existsSync(file)) {
      const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name: string; version: string }
      if (name === 'claw') return { dir, version }
    }
    if (dir === dirname(dir)) throw new Error('Claw cannot find its own package.json')
  }
}

/** Where Claw's dependencies lie: below its own folder, or, installed as somebody's dependency, beside it. */
export function findNodeModules(productDir: string): string {
  for (let dir = productDir; dir !== dirname(dir); dir = dirname(dir)) {
    const own = `${dir}/node_modules`
    if (existsSync(`${own}/kysely`)) return own
    if (dir.endsWith('/node_modules') && existsSync(`${dir}/kysely`)) return dir
  }
  return `${productDir}/node_modules`
}
