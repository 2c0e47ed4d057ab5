import { defineConfig } from 'vitest/config'

/** Real agent programs against the scripted model server, one after the other: they are large and slow to start. */
export default defineConfig({
  test: {
    include: ['tests/agents/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    testTimeout: 400_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
  },
})
