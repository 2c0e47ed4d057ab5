import { Hono } from 'hono'
import { Fault } from '../../core/fault.ts'
import type { Proof } from '../../core/proof.ts'

interface ProofRouteDeps {
  /** Throws proof_not_found. */
  getProof(id: string): Promise<Proof>
  /** The whole output of a check by its sha256, uncompressed; throws output_not_found. */
  readOutput(digest: string): Promise<ReadableStream<Uint8Array>>
}

export function proofRoutes({ getProof, readOutput }: ProofRouteDeps) {
  return new Hono()
    .get('/proofs/:proof', async (c) => c.json(await getProof(c.req.param('proof'))))
    .get('/outputs/:digest', async (c) => {
      const digest = c.req.param('digest')
      // It becomes a file's name below: nothing but a digest goes further.
      if (!/^[0-9a-f]{64}$/.test(digest)) {
        throw new Fault('input_invalid', 'An output is named by its sha256: 64 hexadecimal digits')
      }
      return c.body(await readOutput(digest), 200, { 'content-type': 'text/plain; charset=utf-8' })
    })
}
