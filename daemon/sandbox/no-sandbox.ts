import type { Sandbox } from './sandbox.ts'

/** Confines nothing, and says why. The environment is still built from nothing, and network `none` is not kept. */
export function createNoSandbox(because: string): Sandbox {
  return {
    name: 'none',
    words: `Agents and checks run unconfined (${because}): they can read and write whatever you can, Claw's own token included.`,
    confine: async (argv, confinement) => ({
      argv: [...argv],
      env: { ...confinement.env },
      async [Symbol.asyncDispose]() {},
    }),
  }
}
