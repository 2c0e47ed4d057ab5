import { readFileSync } from 'node:fs'
import type { PlanDraft } from '../../core/plan.ts'
import { planOf } from './room.ts'

const STUB = readFileSync(new URL('./stub-agent.sh', import.meta.url), 'utf8')

/** Configuration with the stub as the only agent (its text, so that no sandbox hides the file), and room for `runs` of it at once. */
export function stubConfig(runs: number, sandbox: 'none' | 'auto' = 'none'): Record<string, unknown> {
  return {
    sandbox: { kind: sandbox },
    agents: { default: 'stub', custom: { stub: { command: ['/bin/sh', '-c', STUB] } } },
    runs: { max: runs, perRepositoryMax: runs },
  }
}

/** Tasks whose agents sleep and then write a file of their own. */
export function stubPlan(keys: readonly string[], seconds: number): PlanDraft {
  return planOf(keys, (key) => [{ do: 'say', text: `STUB:${seconds}:${key}.txt;` }])
}
