import { z } from 'zod'
import { ProofShape, proofLines, shapeProof } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const showProof = defineTool({
  name: 'show_proof',
  title: 'Show a proof',
  description:
    'Show what Claw itself ran on one commit, in a clean checkout: each check with its result, what the guards and the reviewer found. An agent’s own claims are not in it.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({ proof: z.string().min(1).max(100).describe('Its id; show_task and show_goal name them.') }),
  output: ProofShape,
  run: async ({ proof }, { getProof }) => shapeProof(await getProof(proof)),
  text: proofLines,
})
