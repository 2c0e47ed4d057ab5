import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { PlannedCredential } from './credential.ts'

/**
 * What a task of kind `act` may change outside its worktree, said before it starts: hosts it may reach, effects
 * with a way back for each, and probes by which the daemon itself sees from outside
 * whether it was done. What is not declared here the run cannot reach.
 */

/** A machine reached over ssh. */
export const ActHost = z.object({
  /** What it is called in `ssh NAME`, in effects and in probes. */
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,60}$/, 'lower-case letters, digits, dots and dashes'),
  address: z.string().regex(/^[A-Za-z0-9:][A-Za-z0-9.:%_-]{0,252}$/, 'a host name or an address'),
  port: z.int().min(1).max(65_535).default(22),
  user: z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/, 'the name of an account'),
  /**
   * The private key to log in with: a name from `credentials` in the configuration, or a reference. It is never given
   * to the agent, only the use of it while its run lasts.
   */
  key: z.string().min(1).max(500),
  /** The host's own public key, as in known_hosts (`ssh-ed25519 AAAA…`). Null: what the owner's known_hosts says. */
  hostKey: z
    .string()
    .regex(/^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+=*$/, 'a public key: ssh-ed25519 AAAA…')
    .nullable()
    .default(null),
})
export type ActHost = z.infer<typeof ActHost>

export const EffectKind = z.enum(['service', 'package', 'file', 'other'])
export type EffectKind = z.infer<typeof EffectKind>

/** One thing that will be different afterwards. */
export const ActEffect = z.object({
  kind: EffectKind,
  /** The unit, the package, the path, or what it is called. Each once per host. */
  name: z.string().min(1).max(400),
  /** One of the task's hosts; null: this machine. */
  host: z.string().nullable().default(null),
  /** What becomes of it, for the owner. */
  what: z.string().min(1).max(400),
  /** A shell command that takes it back, run where the effect is; null: there is none. */
  undo: z
    .string()
    .trim()
    .max(4000)
    .regex(/^[^\r\n]+$/, 'a command on one line')
    .nullable()
    .default(null),
  /** How a person takes it back, where no command can. */
  undoByHand: z.string().min(1).max(4000).nullable().default(null),
})
export type ActEffect = z.infer<typeof ActEffect>

const probe = {
  name: z.string().min(1).max(120),
  /** `fails-before` must fail before the work and pass after it; `holds` passes before and after. */
  kind: z.enum(['fails-before', 'holds']),
  /** How long after the work it may take until it passes. */
  timeoutSeconds: z.int().min(1).max(600).default(30),
}

/** Each way in which the daemon looks from outside. */
export const PROBES = {
  /** Something listens there. */
  port: z.object({
    ...probe,
    probe: z.literal('port'),
    address: ActHost.shape.address,
    port: z.int().min(1).max(65_535),
  }),
  /** A GET is answered with this status and, where it is given, this text in the body. Redirects are not followed. */
  http: z.object({
    ...probe,
    probe: z.literal('http'),
    url: z.url({ protocol: /^https?$/, error: 'an http or https address' }).max(2000),
    status: z.int().min(100).max(599).default(200),
    contains: z.string().min(1).max(4000).nullable().default(null),
  }),
  /** A systemd unit is active; a `user` unit is one of the account that is logged in to. */
  unit: z.object({
    ...probe,
    probe: z.literal('unit'),
    host: z.string(),
    unit: z.string().regex(/^[A-Za-z0-9:_.@\\-]{1,250}$/, 'the name of a unit'),
    user: z.boolean().default(false),
  }),
  /** A command over ssh ends with this exit code and, where it is given, prints this text. */
  ssh: z.object({
    ...probe,
    probe: z.literal('ssh'),
    host: z.string(),
    command: z.string().min(1).max(4000),
    exitCode: z.int().min(0).max(255).default(0),
    contains: z.string().min(1).max(4000).nullable().default(null),
  }),
} as const

export const Probe = z.discriminatedUnion('probe', [PROBES.port, PROBES.http, PROBES.unit, PROBES.ssh])
export type Probe = z.infer<typeof Probe>

export const Act = z.object({
  hosts: z.array(ActHost).max(20).default([]),
  effects: z.array(ActEffect).max(60).default([]),
  probes: z.array(Probe).max(60).default([]),
})
export type Act = z.infer<typeof Act>

/**
 * What an approval is for: exactly these effects, hosts, credentials, probes and undo steps. The same act in a later
 * plan needs no second word; a changed one does.
 */
export function actFingerprint({ act, credentials }: { act: Act; credentials: readonly PlannedCredential[] }): string {
  return createHash('sha256')
    .update(JSON.stringify([Act.parse(act), credentials]))
    .digest('hex')
    .slice(0, 24)
}

/** The hosts that its run may reach over ssh, and nothing else does: `web1` → where and as whom. */
export function hostNamed(act: Act, name: string): ActHost | undefined {
  return act.hosts.find((host) => host.name === name)
}

/** possible: a run that may bring it about has begun; done: proven; undoing: its undo step runs; undone; failed: the undo step failed. */
export const EffectState = z.enum(['possible', 'done', 'undoing', 'undone', 'failed'])
export type EffectState = z.infer<typeof EffectState>

export const EFFECT_MOVES = {
  possible: ['done', 'undoing'],
  done: ['undoing'],
  undoing: ['undone', 'failed'],
  undone: ['possible'],
  failed: ['undoing', 'possible'],
} as const satisfies Record<EffectState, readonly EffectState[]>

/** An effect as it is kept: written down before the first run that may bring it about starts. */
export const EffectRow = z.object({
  id: z.templateLiteral(['effect_', z.string()]),
  goalId: z.templateLiteral(['goal_', z.string()]),
  taskId: z.templateLiteral(['task_', z.string()]),
  /** Its place in the task's list, from 1; it is undone from the last to the first. */
  number: z.int(),
  spec: ActEffect,
  state: EffectState,
  /** What the undo step printed, or why it could not run. */
  note: z.string().nullable(),
  createdAt: z.int(),
  changedAt: z.int(),
})
export type EffectRow = z.infer<typeof EffectRow>
