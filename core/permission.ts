import { z } from 'zod'

/**
 * How much an agent may do without the owner, least first. `read-only`: nothing that changes anything; `edit`: files
 * of its own, and listed commands; `edit+commands`: and any command whose effects stay inside the sandbox; `trusted`:
 * whatever the sandbox lets it.
 */
export const PermissionProfile = z.enum(['read-only', 'edit', 'edit+commands', 'trusted'])
export type PermissionProfile = z.infer<typeof PermissionProfile>
