import { z } from 'zod'

/** owner: everything; member: goals of their own within limits; guest: may ask how things stand. */
export const Role = z.enum(['owner', 'member', 'guest'])
export type Role = z.infer<typeof Role>

/** Somebody who talks to Claw, by whatever channel. */
export const Person = z.object({
  id: z.templateLiteral(['person_', z.string()]),
  /** Given when they were paired, unique; what the record says: `telegram:ann`. */
  name: z.string(),
  role: Role,
  createdAt: z.int(),
})
export type Person = z.infer<typeof Person>
export type PersonId = Person['id']

const RANK = { owner: 2, member: 1, guest: 0 } as const satisfies Record<Role, number>

/** Whether whoever has `role` may do at least what `other` may. */
export function isAtLeast(role: Role, other: Role): boolean {
  return RANK[role] >= RANK[other]
}
