import type { GoalSummary } from '../../daemon/goals/views.ts'
import { connect, locateIn } from '../daemon.ts'
import { watchOverHttp } from '../events.ts'
import { EXIT, Interrupted } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { events } from './events.ts'

export async function watch(surface: Surface, name: string | undefined): Promise<number> {
  const client = await connect(surface, { start: true })
  let goal = name
  if (goal === undefined) {
    const { goals } = (await (await client.v1.goals.$get({ query: { state: 'open' } })).json()) as {
      goals: GoalSummary[]
    }
    if (goals.length === 0) {
      surface.say('Nothing is under way.')
      return EXIT.ok
    }
    if (goals.length > 1) {
      surface.say(surface.paintErr('gray', `${goals.length} goals are under way; what happens in all of them:`))
      return events(surface, { limit: 20, follow: true })
    }
    goal = String(goals[0]!.goal.number)
  }
  try {
    const ended = await watchOverHttp(surface, client, locateIn(surface.paths), goal)
    return ended.goal.state === 'met' ? EXIT.ok : EXIT.notMet
  } catch (error) {
    if (error instanceof Interrupted)
      surface.say(surface.paintErr('gray', `it goes on; come back with: claw watch ${goal}`))
    throw error
  }
}
