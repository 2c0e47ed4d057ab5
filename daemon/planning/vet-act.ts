/**
 * Says what is wrong with what a task of kind `act` declares. Pure, as all of vetting: from the task to reasons in
 * plain sentences. Whether a host can be reached and a secret be read is known only when it runs.
 */
import { isAbsolute, normalize } from 'node:path'
import { type Act, type ActEffect, type ActHost, hostNamed, type Probe } from '../../core/act.ts'
import { nearest } from '../../core/fault.ts'
import type { PlanDraft, PlannedTask } from '../../core/plan.ts'
import { isReference, REFERENCE_WORDS } from '../../core/secret-reference.ts'
import { isVacuous } from '../proof/vacuous.ts'
import { findSideBySide } from './order.ts'

export interface ActFacts {
  /** Names of the owner's for secrets. */
  credentials?: readonly string[]
  /** Folders of this machine that no run may write in: the Claw home, the owner's keys and logins. */
  foldersForbidden?: readonly string[]
}

export function vetAct(task: PlannedTask, facts: ActFacts = {}): string[] {
  const who = `Task "${task.key}"`
  if (task.kind !== 'act') {
    return task.act === undefined
      ? []
      : [`${who} is a ${task.kind} and declares \`act\`; only a task of kind \`act\` may change anything outside.`]
  }
  const { act } = task
  if (!act) {
    return [
      `${who} is of kind \`act\` and declares nothing: \`act\` says which hosts it reaches, what it changes, by which probes that is seen and how it is undone.`,
    ]
  }
  return [...vetProbes(act, who), ...vetEffects(act, who, facts), ...vetHosts(act, who, facts), ...vetRest(task, who)]
}

function vetProbes(act: Act, who: string): string[] {
  const reasons = twice(act.probes, ({ name }) => name).map(
    (name) => `${who} has two probes called "${name}"; name them apart.`,
  )
  if (act.probes.length === 0) {
    reasons.push(
      `${who} has no probe: name at least one by which its work is seen from outside (a port, an HTTP answer, a unit, a command over ssh).`,
    )
  }
  for (const probe of act.probes) {
    if ('host' in probe && !hostNamed(act, probe.host))
      reasons.push(unknownHost(`The probe "${probe.name}"`, probe.host, act, who))
    if (isProbeVacuous(probe))
      reasons.push(`${who} has a probe "${probe.name}" that passes whatever was done; it proves nothing.`)
  }
  return reasons
}

function isProbeVacuous(probe: Probe): boolean {
  return probe.probe === 'ssh' && probe.exitCode === 0 && probe.contains === null && isVacuous(probe.command)
}

/** What only looks like a step. */
const NO_UNDO = /^(true|:|exit 0|echo( [^<>|;&]*)?)$/

function vetEffects(act: Act, who: string, facts: ActFacts): string[] {
  const reasons = twice(act.effects, effectKey).map(
    (key) => `${who} declares the effect ${key} twice; say once what becomes of it.`,
  )
  if (act.effects.length === 0) {
    reasons.push(`${who} declares no effect; say what it changes outside, or make it a change or a report.`)
  }
  for (const effect of act.effects) {
    const what = `${effect.kind} "${effect.name}"`
    if (effect.undo === null && effect.undoByHand === null) {
      reasons.push(
        `${who} declares ${what} without an undo step: give the command that takes it back (\`undo\`), or say how a person does (\`undoByHand\`).`,
      )
    }
    if (effect.undo !== null && effect.undoByHand !== null)
      reasons.push(`${who} declares two ways to undo ${what}; give either \`undo\` or \`undoByHand\`.`)
    if (effect.undo !== null && NO_UNDO.test(effect.undo))
      reasons.push(`${who} undoes ${what} by \`${effect.undo}\`, which takes nothing back.`)
    if (effect.host !== null && !hostNamed(act, effect.host))
      reasons.push(unknownHost(`The ${what}`, effect.host, act, who))
    if (effect.host === null) reasons.push(...vetHere(effect, who, facts))
  }
  return reasons
}

/** On this machine a run may write declared files and nothing else: it is no administrator here. */
function vetHere(effect: ActEffect, who: string, { foldersForbidden = [] }: ActFacts): string[] {
  if (effect.kind !== 'file') {
    return [
      `${who} declares ${effect.kind} "${effect.name}" on this machine, where a run cannot reach the system: name the machine as a host (ssh to it works for this one as well), so that an account bounds what it may do.`,
    ]
  }
  const path = effect.name
  const clean = normalize(path).replace(/\/+$/, '')
  if (!isAbsolute(path) || clean !== path.replace(/\/+$/, ''))
    return [`${who} declares the file "${path}" on this machine; write its absolute path, without "..".`]
  if (clean.split('/').length < 3)
    return [
      `${who} declares "${path}" as a file it changes; that is too much of this machine, name what it really changes.`,
    ]
  const forbidden = foldersForbidden.find((folder) => isWithin(clean, folder) || isWithin(folder, clean))
  return forbidden === undefined
    ? []
    : [`${who} declares "${path}", and nothing in ${forbidden} may be changed by a run.`]
}

function vetHosts(act: Act, who: string, { credentials: known }: ActFacts): string[] {
  const used = new Set<string | null>([
    ...act.effects.map(({ host }) => host),
    ...act.probes.map((probe) => ('host' in probe ? probe.host : null)),
  ])
  return [
    // The key is not repeated: it may be the secret itself.
    ...act.hosts
      .filter(({ key }) => !isReference(key) && known?.includes(key) !== true)
      .map(
        ({ name }) =>
          `${who} logs in to "${name}" with a key that is neither a name from \`credentials\` in the configuration nor a reference (${REFERENCE_WORDS}).`,
      ),
    ...twice(act.hosts, ({ name }) => name).map((name) => `${who} has two hosts called "${name}"; name them apart.`),
    ...act.hosts
      .filter(({ name }: ActHost) => !used.has(name))
      .map(
        ({ name }) => `${who} reaches the host "${name}" and says neither what it changes nor what it looks at there.`,
      ),
  ]
}

/** What other tasks have, and an act cannot: a commit that checks are run on. */
function vetRest(task: PlannedTask, who: string): string[] {
  return [
    ...(task.checks.length > 0
      ? [`${who} is an act and has \`checks\`; nothing of it is checked out, so write them as probes.`]
      : []),
    ...(task.overlay.length > 0 ? [`${who} is an act and has an overlay, which only checks could use.`] : []),
    ...(task.footprint.length > 0
      ? [`${who} is an act and has a footprint; what it writes in its worktree is not kept, so leave it out.`]
      : []),
  ]
}

/** Two acts that change the same thing would not know of each other. */
export function vetActsSideBySide(draft: PlanDraft): string[] {
  return findSideBySide(draft.tasks).flatMap(([one, other]) => {
    if (!one.act || !other.act) return []
    const theirs = new Set(other.act.effects.map((effect) => placeOf(effect, other.act!)))
    const both = one.act.effects.find((effect) => theirs.has(placeOf(effect, one.act!)))
    return both
      ? [
          `Tasks "${one.key}" and "${other.key}" may run side by side, and both change ${both.kind} "${both.name}": put them in order with \`needs\`.`,
        ]
      : []
  })
}

/** An act leaves nothing on a tree, so a plan of acts alone never runs the checks of the whole. */
export function vetOnlyActs({ tasks, checks }: PlanDraft): string[] {
  return checks.length > 0 && tasks.length > 0 && tasks.every((task) => task.kind === 'act')
    ? ['The plan has checks and nothing that is merged, so they would never be run; write them as probes of its tasks.']
    : []
}

function placeOf({ kind, name, host }: ActEffect, act: Act): string {
  const there = host === null ? undefined : hostNamed(act, host)
  return JSON.stringify([kind, name, there ? [there.address, there.port] : host])
}

function effectKey({ kind, name, host }: ActEffect): string {
  return `${kind} "${name}"${host === null ? '' : ` on ${host}`}`
}

function unknownHost(what: string, host: string, act: Act, who: string): string {
  const near = nearest(
    host,
    act.hosts.map(({ name }) => name),
  )
  return `${what} of ${who.toLowerCase()} names the host "${host}", which it does not declare.${near ? ` Did you mean "${near}"?` : ''}`
}

function twice<T>(list: readonly T[], key: (item: T) => string): string[] {
  const keys = list.map(key)
  return [...new Set(keys.filter((one, index) => keys.indexOf(one) !== index))]
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder.replace(/\/+$/, '')}/`)
}
