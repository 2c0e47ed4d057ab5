import { Hono } from 'hono'
import { Fault } from '../../core/fault.ts'
import type { PlanDraft } from '../../core/plan.ts'
import type { Goals } from '../goals/goals.ts'
import { EmptyBody, GoalListQuery, NewGoalBody, RejectBody, SteerBody } from './bodies.ts'
import { actor } from './by.ts'
import { body, query } from './valid.ts'

interface GoalRouteDeps {
  goals: Goals
  /** Reads the text of a plan file; throws plan_invalid naming file, line and key. */
  readPlanFile(text: string, name: string): PlanDraft
}

export function goalRoutes({ goals, readPlanFile }: GoalRouteDeps) {
  return new Hono()
    .post('/', body(NewGoalBody), async (c) => {
      const { planFile, ...goal } = c.req.valid('json')
      if (planFile && goal.plan) throw new Fault('input_invalid', 'The body has both "plan" and "planFile": send one')
      const plan = planFile ? readPlanFile(planFile.text, planFile.name) : goal.plan
      const added = await goals.add({ ...goal, plan })
      c.header('location', `/v1/goals/${added.goal.number}`)
      return c.json(added, 201)
    })
    .get('/', query(GoalListQuery), async (c) => c.json({ goals: await goals.list(c.req.valid('query')) }))
    .get('/:goal', async (c) => c.json(await goals.show(c.req.param('goal'))))
    .post('/:goal/steer', body(SteerBody), async (c) => {
      const passedTo = await goals.steer(c.req.param('goal'), c.req.valid('json').text, actor(c))
      return c.json({ passedTo })
    })
    .post('/:goal/pause', body(EmptyBody), async (c) => {
      await goals.pause(c.req.param('goal'), actor(c))
      return c.json(await goals.show(c.req.param('goal')))
    })
    .post('/:goal/resume', body(EmptyBody), async (c) => {
      await goals.resume(c.req.param('goal'), actor(c))
      return c.json(await goals.show(c.req.param('goal')))
    })
    .post('/:goal/cancel', body(EmptyBody), async (c) => {
      await goals.cancel(c.req.param('goal'), actor(c))
      return c.json(await goals.show(c.req.param('goal')))
    })
    .post('/:goal/accept', body(EmptyBody), async (c) => {
      await goals.accept(c.req.param('goal'), actor(c))
      return c.json(await goals.show(c.req.param('goal')))
    })
    .post('/:goal/reject', body(RejectBody), async (c) => {
      await goals.reject(c.req.param('goal'), c.req.valid('json').comment, actor(c))
      return c.json(await goals.show(c.req.param('goal')))
    })
    .post('/:goal/undo', body(EmptyBody), async (c) => c.json(await goals.undo(c.req.param('goal'), actor(c))))
    .get('/:goal/review', async (c) => c.json(await goals.review(c.req.param('goal'))))
    .get('/:goal/report', async (c) => {
      const report = await goals.report(c.req.param('goal'))
      if (!(c.req.header('accept') ?? '').includes('text/markdown')) return c.json(report)
      return c.body(report.markdown, 200, { 'content-type': 'text/markdown; charset=utf-8' }) as never
    })
}
