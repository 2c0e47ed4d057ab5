import { defineConfig } from 'vitest/config'

/** What takes minutes: exhaustive and random kills, growth over thousands of writes. */
export default defineConfig({
  test: {
    include: ['tests/long/**/*.test.ts'],
    testTimeout: 60 * 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    passWithNoTests: false,
  },
})
