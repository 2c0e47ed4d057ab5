import { defineConfig } from 'vitest/config'

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
    maxWorkers: 2,
    reporters: [process.stdout.isTTY ? 'default' : ['default', { summary: false }]],
  },
})
