import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest begins first, so that nothing runs alone at the end: whole daemons, first of all those that are killed. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      /\/scenarios\/(killed|survives)\./.test(moduleId) ? 0 : moduleId.includes('/tests/scenarios/') ? 1 : 2
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/agents/**', 'tests/long/**', '**/node_modules/**'],
    // Real processes on two busy cores: a limit is for what hangs, not for what is slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // CI's machine is not ours; a test that only passes the second time is named in the output.
    retry: process.env['CI'] ? 1 : 0,
    pool: 'forks',
    // Most tests wait for processes: a third keeps two cores busy.
    maxWorkers: Math.max(3, availableParallelism()),
    sequence: { sequencer: LongestFirst },
    reporters: [process.stdout.isTTY ? 'default' : ['default', { summary: false }]],
  },
})
