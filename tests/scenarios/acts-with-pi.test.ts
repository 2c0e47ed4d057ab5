import { expect, test } from 'vitest'
import { scriptModel } from '../fakes/script-model.ts'
import { hasSshd, startMachine } from '../fakes/sshd.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { actPlan, anAct, aPage, WORDS } from './act-plans.ts'
import { createScene, openAsks, show } from './harness.ts'

test.runIf(hasSshd)(
  'a real agent (pi), in its sandbox, sets up a service over ssh, and the daemon proves it',
  async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    await using model = await startModelServer({ script: scriptModel })
    await using scene = createScene({
      sandbox: 'auto',
      config: {
        sandbox: { kind: 'auto' },
        agents: { default: 'pi' },
        model: { provider: 'openai-chat', model: 'scripted-model', baseUrl: `${model.url}/v1`, key: 'env:SCENE_KEY' },
        brain: { review: false },
      },
      env: { SCENE_KEY: 'scripted' },
    })
    const life = scene.start()
    expect(await life.ready, life.words()).toBe(true)
    const plan = actPlan(anAct('page', page.serve, page.act))
    await life.request('POST', '/v1/goals', { text: 'Serve the page', autonomy: 'auto', plan })
    await life.until((event) => event.type === 'goal.reported' || event.type === 'ask.opened')
    expect(await openAsks(life)).toEqual([])
    const view = await show(life, 1)
    expect(view.goal.state).toBe('met')
    expect(view.taskViews[0]!.runs.map(({ agent, outcome }) => [agent, outcome])).toEqual([['pi', 'done']])
    expect(await (await fetch(`http://127.0.0.1:${page.port}/`)).text()).toBe(WORDS)
    // What the model was told names the hosts and never the key.
    const told = JSON.stringify(model.requests.map(({ request }) => request))
    expect(told).toContain('`web1` (')
    expect(told).not.toContain('PRIVATE KEY')
  },
)
