import { z } from 'zod'

/** An owner's repository that Claw has cloned into its home. */
export const RepositoryRow = z.object({
  id: z.templateLiteral(['repo_', z.string()]),
  /** The owner's checkout on this machine, a URL, or null for a workspace that Claw made itself. */
  path: z.string().nullable(),
  url: z.string().nullable(),
  /** Claw's own bare clone. */
  gitDir: z.string(),
  createdAt: z.int(),
})
export type RepositoryRow = z.infer<typeof RepositoryRow>
export type RepositoryId = RepositoryRow['id']
