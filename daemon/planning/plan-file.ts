/**
 * Reads a plan that the owner wrote: YAML (or JSON) to a PlanDraft.
 *
 * Strict: what is unknown, missing or of the wrong kind is one plan_invalid that names the file, the
 * line and the key, and the nearest valid key. Whether the plan makes sense (keys, footprints,
 * checks) is vetted by the daemon, like a plan of the brain's. The format is in docs/PLAN-FILE.md.
 */
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { Act, ActEffect, ActHost, PROBES } from '../../core/act.ts'
import { type Complaint, explainIssues } from '../../core/explain.ts'
import { Fault } from '../../core/fault.ts'
import { Check, OverlayFile, PlanDraft, PlannedTask } from '../../core/plan.ts'

const SIZE_MAX = 5_000_000
const COMPLAINTS_MAX = 20
const UNITS = { s: 1, m: 60, h: 3600 } as const
const TIMEOUT_SECONDS_MAX = 3600

const Timeout = z
  .union([z.int(), z.string()], { error: 'write seconds, or a duration such as 90s, 5m or 1h' })
  .refine((value) => {
    const seconds = toSeconds(value)
    return seconds !== undefined && seconds >= 1 && seconds <= TIMEOUT_SECONDS_MAX
  }, 'write seconds, or a duration such as 90s, 5m or 1h, at most 1h')

const FileCheck = z
  .strictObject({
    ...Check.shape,
    timeout: Timeout.optional(),
    timeoutSeconds: Check.shape.timeoutSeconds.unwrap().optional(),
  })
  .refine((check) => check.timeout === undefined || check.timeoutSeconds === undefined, {
    path: ['timeout'],
    message: 'say either timeout or timeoutSeconds',
  })

const { port, http, unit, ssh } = PROBES
const FileAct = z.strictObject({
  ...Act.shape,
  hosts: z.array(z.strictObject(ActHost.shape)).max(20).default([]),
  effects: z.array(z.strictObject(ActEffect.shape)).max(60).default([]),
  probes: z
    .array(
      z.discriminatedUnion('probe', [
        z.strictObject(port.shape),
        z.strictObject(http.shape),
        z.strictObject(unit.shape),
        z.strictObject(ssh.shape),
      ]),
    )
    .max(60)
    .default([]),
})

const PlanFile = z.strictObject({
  ...PlanDraft.shape,
  checks: z.array(FileCheck).default([]),
  tasks: z
    .array(
      z.strictObject({
        ...PlannedTask.shape,
        checks: z.array(FileCheck).default([]),
        overlay: z.array(z.strictObject(OverlayFile.shape)).default([]),
        act: FileAct.optional(),
      }),
    )
    .min(1)
    .max(60),
})

/** @param name what to call the file in a complaint */
export function readPlanFile(text: string, name: string): PlanDraft {
  if (text.length > SIZE_MAX) throw refuse([`${name}: larger than ${SIZE_MAX / 1_000_000} MB`])
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [broken] = document.errors
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0])
    throw refuse([`${name}:${line}:${col}: not YAML: ${broken.message.split('\n')[0]}`], broken)
  }
  const value = toValue(document, name)
  const read = PlanFile.safeParse(value)
  if (read.success) return toDraft(read.data)
  const complaints = explainIssues(PlanFile, value, read.error).slice(0, COMPLAINTS_MAX)
  throw refuse(complaints.map(({ path, words }) => `${name}${lineOf(document, lines, path)}: ${words}`))
}

function toDraft(file: z.infer<typeof PlanFile>): PlanDraft {
  return PlanDraft.parse({
    ...file,
    checks: file.checks.map(toCheck),
    tasks: file.tasks.map((task) => ({ ...task, checks: task.checks.map(toCheck) })),
  })
}

function toCheck({ timeout, timeoutSeconds, ...check }: z.infer<typeof FileCheck>): z.input<typeof Check> {
  const seconds = timeout === undefined ? timeoutSeconds : toSeconds(timeout)
  return seconds === undefined ? check : { ...check, timeoutSeconds: seconds }
}

function toSeconds(value: number | string): number | undefined {
  if (typeof value === 'number') return value
  const [, count, unit] = /^(\d{1,6})\s*([smh])$/.exec(value.trim()) ?? []
  return count === undefined ? undefined : Number(count) * UNITS[unit as keyof typeof UNITS]
}

function toValue(document: Document, name: string): unknown {
  try {
    const value: unknown = document.toJS()
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (cause) {
    throw refuse([`${name}: not YAML: ${(cause as Error).message}`], cause)
  }
  throw refuse([`${name}:1: expected keys and values, such as \`summary:\` and \`tasks:\``])
}

/** `:4`, the line of the key, or of what stands nearest around it. */
function lineOf(document: Document, lines: LineCounter, path: Complaint['path']): string {
  for (let length = path.length; length > 0; length--) {
    const key = path[length - 1]
    const around = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const pair = isMap(around)
      ? around.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
      : undefined
    const node = pair ? pair.key : typeof key === 'number' ? document.getIn(path.slice(0, length), true) : undefined
    if (isNode(node) && node.range) return `:${lines.linePos(node.range[0]).line}`
  }
  return ':1'
}

function refuse(problems: string[], cause?: unknown): Fault {
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  return new Fault('plan_invalid', `${problems[0]}${more}`, {
    hint: 'The format is described in docs/PLAN-FILE.md.',
    details: { problems },
    ...(cause !== undefined && { cause }),
  })
}
