/** What a tired person wants to know, most urgent first: what waits for me, what runs, what came of the rest. */

import type { Ask } from '../../core/ask.ts'
import { DAY } from '../../core/clock.ts'
import { countOf } from '../../core/count.ts'
import type { GoalSummary } from '../../daemon/goals/views.ts'
import type { Health } from '../../daemon/health.ts'
import { connect } from '../daemon.ts'
import type { Surface } from '../surface.ts'
import { clip, oneLine, span } from '../text.ts'
import { goalLine } from './goals.ts'
import { askLines } from './inbox.ts'

const RECENT_MAX = 3
const OPEN_MAX = 30
/** The newest by number; of those the last to have ended are shown. */
const ENDED_MAX = 20

export async function status(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: false })
  const goalsThat = (state: 'open' | 'ended', limit: number) =>
    client.v1.goals
      .$get({ query: { state, limit: String(limit) } })
      .then((response) => response.json() as Promise<{ goals: GoalSummary[] }>)
  const [health, { goals: open }, { goals: ended }, { asks }] = await Promise.all([
    client.v1.status.$get().then((response) => response.json() as Promise<Health>),
    goalsThat('open', OPEN_MAX),
    goalsThat('ended', ENDED_MAX),
    client.v1.inbox.$get().then((response) => response.json() as Promise<{ asks: Ask[] }>),
  ])
  if (surface.isJson) return surface.printJson({ daemon: health, goals: [...open, ...ended], asks })
  const { paint, print, now } = surface
  const recent = ended
    .filter(({ goal }) => goal.endedAt !== null && now() - goal.endedAt < DAY)
    .sort((a, b) => b.goal.endedAt! - a.goal.endedAt!)
    .slice(0, RECENT_MAX)

  if (asks.length > 0) {
    print(paint('yellow', `${countOf(asks.length, 'question')} for you`))
    for (const ask of asks.slice(0, 5)) print(askLines(surface, ask).join('\n'))
    if (asks.length > 5) print(paint('gray', `  and ${asks.length - 5} more: claw inbox`))
    print('')
  }
  if (open.length > 0) {
    for (const one of open) print(goalLine(surface, one))
    const more = health.goals.open - open.length
    if (more > 0) print(paint('gray', `  and ${more} more: claw goal list --state open`))
  } else print('Nothing is under way.')
  if (recent.length > 0) {
    print(paint('gray', 'since yesterday'))
    for (const one of recent) print(goalLine(surface, one))
  }
  print('')
  // An older daemon says nothing of them.
  for (const upstream of (health.upstreams ?? []).filter((one) => !one.ready)) {
    print(paint('yellow', clip(oneLine(`${upstream.name}: ${upstream.words}`), surface.width())))
  }
  print(paint('gray', daemonLine(health, surface)))
}

/** `claw 0.1.0 · up 3h 05m · 2 agents at work · pi, goose · model m-1 · sandbox bubblewrap` */
export function daemonLine(health: Health, { now, width }: Surface): string {
  const found = health.agents.filter((agent) => agent.found).map(({ name }) => name)
  const words = [
    `claw ${health.version}`,
    `up ${span(now() - health.startedAt)}`,
    ...(health.runs > 0 ? [`${countOf(health.runs, 'agent')} at work`] : []),
    found.length > 0 ? found.join(', ') : 'no agents found',
    health.model ? `model ${health.model}` : `brain: ${health.brain}`,
    `sandbox ${health.sandbox.name}`,
  ]
  return clip(oneLine(words.join(' · ')), width())
}
