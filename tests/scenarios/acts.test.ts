import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { hasSshd, startMachine } from '../fakes/sshd.ts'
import { actPlan, anAct, aPage, WORDS } from './act-plans.ts'
import { openRoom, states } from './daemon-room.ts'

const body = (port: number) =>
  fetch(`http://127.0.0.1:${port}/`).then(
    (answer) => answer.text(),
    () => 'nobody',
  )

describe.runIf(hasSshd)('work outside a worktree, on a machine reached over ssh', () => {
  test('is approved once, done by an agent, proven from outside, reported, and undone once the owner says so', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const room = await openRoom()
    await room.add(actPlan(anAct('page', page.serve, page.act)), null, { autonomy: 'ask-land' })

    const ask = await room.openAsk('act-approval')
    for (const words of [
      `file:${machine.keyFile}`,
      '`page.service` on web1',
      'the page is served',
      'systemctl --user disable',
    ])
      expect(ask.detail).toContain(words)
    await room.settled()
    expect(room.query('select id from run')).toEqual([])
    expect(machine.logins()).toBe(0)

    await room.answer('act-approval', 'yes')
    const view = await room.settled()
    expect(view.goal).toMatchObject({ state: 'met', outcome: '1 task done and proven, outside the repository' })
    expect(states(view)).toEqual(['done'])
    expect(await body(page.port)).toBe(WORDS)
    expect(machine.active()).toEqual(['page.service'])

    const [proof] = view.proofs
    expect(view.proofs).toHaveLength(1)
    expect(proof).toMatchObject({ kind: 'task', passed: true, sandbox: 'outside' })
    expect(proof!.results.map(({ name, passed }) => [name, passed])).toEqual(
      page.act.probes.map(({ name }) => [name, true]),
    )
    expect(proof!.before!.map(({ passed }) => passed)).toEqual([false, false, false, false, true])
    expect(proof!.results[0]!.tail).toContain(WORDS)
    expect(view.effects.map(({ state }) => state)).toEqual(['done', 'done'])
    expect(view.landings).toEqual([])
    expect(await room.alive()).toEqual([])

    const { markdown } = await room.daemon.goals.report('1')
    for (const words of [
      'the page is served',
      'claw undo 1',
      `ssh -p ${machine.port} ${machine.user}@127.0.0.1 'systemctl --user disable`,
    ])
      expect(markdown).toContain(words)
    expect(markdown).not.toContain('was not changed.\n- It is on')

    const undone = await room.daemon.goals.undo('1', 'test')
    expect(undone).toMatchObject({ branch: null, ask: 2 })
    expect(undone.steps).toMatch(/1\. .*page\.service.*\n.*\n2\. .*sed -i/)
    await room.settled()
    expect(machine.active()).toEqual(['page.service'])
    await room.answer('undo-approval', 'yes')
    const after = await room.settled()
    expect(after.effects.map(({ state, note }) => [state, note])).toEqual([
      ['undone', null],
      ['undone', null],
    ])
    expect(machine.active()).toEqual([])
    expect(await body(page.port)).toBe('nobody')
    expect(readFileSync(machine.authorizedKeys, 'utf8')).not.toContain('deploy')
    expect((await room.daemon.goals.report('1')).markdown).not.toContain('Without Claw, in this order')
    await expect(room.daemon.goals.undo('1', 'test')).rejects.toThrow(/nothing that could be undone/)
  })
})
