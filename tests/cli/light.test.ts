import { expect, test } from 'vitest'
import { packagesOf } from '../fakes/packages-of.ts'

// `claw status` is asked for a hundred times a day: a schema library alone would double its time.
test.each(['cli/claw.ts', 'cli/commands/status.ts', 'cli/commands/goals.ts', 'cli/commands/inbox.ts'])(
  '%s loads no library but the one that reads the command line',
  (file) => {
    expect(packagesOf(file).filter((name) => name !== 'commander')).toEqual([])
  },
)
