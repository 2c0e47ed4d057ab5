import type { StoredEvent } from './events.ts'

/** What happened, in one sentence for people; undefined for what only a program wants to see. */
export function eventWords(event: StoredEvent): string | undefined {
  switch (event.type) {
    case 'goal.added':
      return `#${event.data.number} added: ${event.data.text}`
    case 'goal.steered':
      return `told: ${event.data.text}`
    case 'goal.paused':
      return `paused by ${event.data.by}`
    case 'goal.resumed':
      return `resumed by ${event.data.by}`
    case 'goal.met':
      return `goal met: ${event.data.outcome}`
    case 'goal.dropped':
      return `goal dropped: ${event.data.outcome}`
    case 'goal.quarantined':
      return `goal set aside, something is wrong in Claw: ${event.data.error.split('\n')[0]}`
    case 'goal.reported':
      return `report: ${event.data.file}`
    case 'goal.landed':
      return `landed on ${event.data.branch} at ${short(event.data.commit)} (${event.data.how})`
    case 'goal.undone':
      return `undone on ${event.data.branch} by ${short(event.data.commit)}`
    case 'effect.undone':
      return `${event.data.label} ${event.data.effect}: ${event.data.state}${because(event.data.note)}`
    case 'plan.requested':
      return `planning, version ${event.data.version}`
    case 'plan.refused':
      return `plan ${event.data.version} refused: ${event.data.reasons.join('; ')}`
    case 'plan.proposed':
      return `plan ${event.data.version} proposed, ${event.data.tasks} tasks`
    case 'plan.activated':
      return `plan ${event.data.version} begins, ${event.data.tasks} tasks`
    case 'task.added':
      return `${event.data.label} ${event.data.title}`
    case 'task.moved':
      return `${event.data.label} ${event.data.from} → ${event.data.to}${because(event.data.reason)}`
    case 'run.started':
      return `${event.data.label} ${event.data.agent} starts, attempt ${event.data.attempt} (${event.data.purpose})`
    case 'run.captured':
      return `captured ${event.data.files} files as ${short(event.data.commit)}`
    case 'run.ended':
      return `${event.data.label} attempt ${event.data.attempt} ended, ${event.data.outcome}${because(event.data.failure)}${because(event.data.note)}`
    case 'proof.started':
      return `${event.data.label} checking ${short(event.data.commit)}`
    case 'proof.checked':
      return `${event.data.label} ${event.data.passed ? '✓' : '✗'} ${event.data.check} (${Math.round(event.data.durationMs)} ms)`
    case 'proof.recorded':
      return `${event.data.label} ${event.data.kind} proof ${event.data.passed ? 'passed' : 'failed'}`
    case 'credential.decided':
      return `${event.data.label} ${event.data.reference} ${event.data.verdict} by ${event.data.by}, for the ${event.data.scope}`
    case 'permission.decided':
      return `${event.data.label} ${event.data.verdict} ${event.data.what}: ${event.data.reason} (${event.data.rule}, ${event.data.by})`
    case 'review.ended':
      return `${event.data.label} reviewed by ${event.data.reviewer}, ${event.data.findings} findings`
    case 'landing.started':
      return `${event.data.label} landing on ${event.data.branch}`
    case 'landing.ended':
      return `${event.data.label} landing ${event.data.state}${because(event.data.note)}`
    case 'ask.opened':
      return `? ask ${event.data.number}: ${event.data.question} (claw answer ${event.data.number} …)`
    case 'ask.answered':
      return `ask ${event.data.number} answered by ${event.data.by}: ${event.data.choice ?? event.data.text ?? ''}`
    case 'ask.mooted':
      return `ask ${event.data.number} needs no answer any more`
    case 'schedule.added':
      return `${scheduled(event.data)} added: ${event.data.words}`
    case 'schedule.paused':
      return `${scheduled(event.data)} paused by ${event.data.by}`
    case 'schedule.resumed':
      return `${scheduled(event.data)} resumed by ${event.data.by}`
    case 'schedule.ended':
      return `${scheduled(event.data)} ended: ${event.data.reason}`
    case 'schedule.removed':
      return `${scheduled(event.data)} removed by ${event.data.by}`
    case 'firing.fired':
      return `${scheduled(event.data)} fired: goal #${event.data.goal}`
    case 'firing.waited':
      return `${scheduled(event.data)} waits: ${event.data.reason}`
    case 'firing.skipped':
      return `${scheduled(event.data)} skipped: ${event.data.reason}`
    case 'firing.missed':
      return `${scheduled(event.data)} missed ${event.data.isMore ? 'more than ' : ''}${event.data.moments}, nobody was awake`
    case 'firing.failed':
      return `${scheduled(event.data)} failed: ${event.data.reason}`
    case 'limit.noticed':
      return `${event.data.percent} % of the budget of ${event.data.limit} is used: ${event.data.used} of ${event.data.max}`
    case 'limit.reached':
      return `the budget of ${event.data.limit} is used up: ${event.data.used} of ${event.data.max}`
    case 'upstream.paused':
      return `${event.data.upstream} is paused until ${new Date(event.data.until).toISOString()}: ${event.data.why}`
    case 'upstream.resumed':
      return `${event.data.upstream} may be asked again`
    case 'model.unpriced':
      return `no price is known for ${event.data.model} of ${event.data.upstream}: its cost is not counted`
    case 'tool.changed':
      return `tool ${event.data.tool} of ${event.data.server} is ${event.data.change}: it is off until you agree (claw tools)`
    case 'tool.agreed':
      return `tool ${event.data.tool} of ${event.data.server} is as it should be, says ${event.data.by}`
    case 'skill.agreed':
      return `skill ${event.data.name} of ${event.data.repository} may be used, says ${event.data.by}`
    case 'person.paired':
      return `${event.data.person} may talk to Claw as ${event.data.role}, over ${event.data.channel} (${event.data.account})`
    case 'person.roleChanged':
      return `${event.data.person} is ${event.data.role} now, says ${event.data.by}`
    case 'person.removed':
      return `${event.data.person} may not talk to Claw any more, says ${event.data.by}`
    case 'channel.added':
      return `channel ${event.data.channel} (${event.data.kind}) added`
    case 'channel.removed':
      return `channel ${event.data.channel} removed`
    case 'channel.troubled':
      return `channel ${event.data.channel}: ${event.data.words}`
    case 'channel.recovered':
      return `channel ${event.data.channel} works again`
    case 'chat.said':
      return `${event.data.by} (${event.data.role}): ${event.data.text}`
    case 'chat.acted':
      return `${event.data.by} (${event.data.role}) ${event.data.action}${because(event.data.words)}`
    case 'chat.refused':
      return `${event.data.by} (${event.data.role}) may not ${event.data.action}: ${event.data.why}`
    case 'memory.tested':
      return `memory: ${event.data.problems.join('; ')}; ${event.data.repaired ? 'mended by indexing again' : 'not mended yet'}`
    case 'daemon.started':
      return `daemon ${event.data.version} started`
    case 'daemon.stopped':
      return `daemon stopped (${event.data.signal})`
    case 'daemon.reconciled':
      return `took up again: ${event.data.runs} runs, ${event.data.worktrees} worktrees, ${event.data.processes} processes`
    case 'run.sessionOpened':
    case 'run.updated':
    case 'run.usageReported':
      return undefined
    default:
      return (event as { type: string }).type
  }
}

function scheduled({ number, name }: { number: number; name: string | null }): string {
  return `schedule ${number}${name === null ? '' : ` (${name})`}`
}

function short(commit: string): string {
  return commit.slice(0, 10)
}

function because(reason: string | null): string {
  return reason ? `: ${reason}` : ''
}
