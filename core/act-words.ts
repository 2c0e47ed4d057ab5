import type { Act, ActEffect, ActHost, EffectRow, Probe } from './act.ts'
import type { PlannedCredential } from './credential.ts'

/** What an act is made of, in words for the owner: before it (the approval), and after it (the report, the undo). */

/** `deploy@192.0.2.10:2222` */
export function addressWords({ user, address, port }: ActHost): string {
  return `${user}@${address}${port === 22 ? '' : `:${port}`}`
}

/** `service hello.service on web1: serves the page` */
export function effectWords({ kind, name, host, what }: ActEffect): string {
  return `${kind === 'other' ? '' : `${kind} `}\`${name}\` on ${host ?? 'this machine'}: ${what}`
}

/** The undo step as a person could type it without Claw; ssh finds the host by its real address. */
export function undoStepWords(effect: ActEffect, act: Act | undefined): string {
  if (effect.undo === null) return effect.undoByHand ? `by hand: ${effect.undoByHand}` : 'there is no undo step'
  if (effect.host === null) return fenced(effect.undo)
  const host = act?.hosts.find((other) => other.name === effect.host)
  if (!host) return `on ${effect.host}: ${fenced(effect.undo)}`
  return fenced(`ssh ${host.port === 22 ? '' : `-p ${host.port} `}${host.user}@${host.address} ${quote(effect.undo)}`)
}

export function probeWords(probe: Probe): string {
  switch (probe.probe) {
    case 'port':
      return `port ${probe.port} of ${probe.address} is open`
    case 'http':
      return `GET ${probe.url} gives ${probe.status}${probe.contains === null ? '' : ` with "${probe.contains}"`}`
    case 'unit':
      return `unit ${probe.unit} is active on ${probe.host}${probe.user ? ' (user unit)' : ''}`
    case 'ssh': {
      const says = probe.contains === null ? '' : `, prints "${probe.contains}"`
      return `on ${probe.host}: ${probe.command} (exit ${probe.exitCode}${says})`
    }
  }
}

/** All that the owner agrees to, in Markdown. */
export function describeAct(title: string, act: Act, credentials: readonly PlannedCredential[]): string {
  const list = (head: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', head, '', ...lines.map((line) => `- ${line}`)]
  return [
    `**${title}**`,
    ...list(
      'It reaches over ssh:',
      act.hosts.map((host) => {
        const known = host.hostKey === null ? 'its host key from your known_hosts' : `host key \`${host.hostKey}\``
        return `\`${host.name}\`: ${addressWords(host)}, logging in with \`${host.key}\`, ${known}`
      }),
    ),
    ...list(
      'It changes, and is undone by:',
      act.effects.map((effect) => `${effectWords(effect)}. Undo: ${undoStepWords(effect, act)}`),
    ),
    ...list(
      'It is given:',
      credentials.map(({ secret, variable }) => `the secret \`${secret}\`, as \`$${variable}\`, while its run lasts`),
    ),
    ...list(
      'It is done when, seen from here:',
      act.probes.map((probe) => `${probe.name}: ${probeWords(probe)}${probe.kind === 'holds' ? ' (before too)' : ''}`),
    ),
  ].join('\n')
}

const STATE_WORDS = {
  possible: 'may have happened',
  done: 'happened, and was proven',
  undoing: 'is being undone',
  undone: 'undone',
  failed: 'could not be undone',
} as const satisfies Record<EffectRow['state'], string>

export function effectStateWords({ state, note }: Pick<EffectRow, 'state' | 'note'>): string {
  return `${STATE_WORDS[state]}${state === 'failed' && note ? ` (${note.split('\n')[0]!.slice(0, 200)})` : ''}`
}

/** Whether something of it may still be there. */
export function isOutstanding({ state }: Pick<EffectRow, 'state'>): boolean {
  return state !== 'undone'
}

/** A code span, whatever backticks are in it. */
function fenced(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  return longest > 0 ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`
}

/** For a shell: in single quotes. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
