import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { hasSshd, saidByCommand, startMachine } from '../fakes/sshd.ts'
import { actPlan, anAct, aPage, WORDS } from './act-plans.ts'
import { fileAt, openRoom, plan, states, task, taskOf } from './daemon-room.ts'
import { aBrain } from './scripted-brain.ts'

const CHECKOUT = join(import.meta.dirname, '../..')

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
    expect(view.proofs.flatMap(({ results }) => results.filter(({ passed }) => !passed))).toEqual([])
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
    expect(after.effects.map(({ state, note }) => [state, saidByCommand(note)])).toEqual([
      ['undone', null],
      ['undone', null],
    ])
    expect(machine.active()).toEqual([])
    expect(await body(page.port)).toBe('nobody')
    expect(readFileSync(machine.authorizedKeys, 'utf8')).not.toContain('deploy')
    expect((await room.daemon.goals.report('1')).markdown).not.toContain('Without Claw, in this order')
    await expect(room.daemon.goals.undo('1', 'test')).rejects.toThrow(/nothing that could be undone/)
  })

  test('is asked about once, also across a restart; a no ends it and what needs it, and the rest goes on', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const room = await openRoom()
    const repository = makeRepository({ 'README.md': '# Hello\n' })
    const tasks = [anAct('page', page.serve, page.act), task('a'), task('b', undefined, { needs: ['page'] })]
    await room.add(plan(tasks as never), repository, { autonomy: 'ask-land' })
    await room.openAsk('act-approval')
    await room.restart()
    await room.settled()
    expect((await room.daemon.inbox.list()).map(({ kind }) => kind)).toEqual(['act-approval'])
    await room.answer('act-approval', 'no', 'not on a Friday')
    await room.settled()
    await room.answer('land-approval', 'accept')
    const view = await room.settled()
    expect(states(view)).toEqual(['cancelled', 'done', 'cancelled'])
    expect(taskOf(view, 'page').task.reason).toBe('refused by the owner: not on a Friday')
    expect(fileAt(repository, view.goal.branch, 'a.txt') ?? fileAt(repository, 'main', 'a.txt')).toBe('good\n')
    expect([machine.logins(), view.effects]).toEqual([0, []])
  })

  test('who agreed to the plan, which shows all of it, is not asked again', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const room = await openRoom()
    await room.add(actPlan(anAct('page', page.serve, page.act)), null, { autonomy: 'ask-plan' })
    const ask = await room.openAsk('plan-approval')
    expect(ask.detail).toContain('Undo: `ssh -p')
    await room.answer('plan-approval', 'yes')
    const view = await room.settled()
    expect(view.goal.state).toBe('met')
    expect(view.asks).toHaveLength(1)
  })

  test('autonomy auto asks nothing about a plan of the owner’s, and everything that opens doors about a brain’s', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const own = await openRoom()
    await own.add(actPlan(anAct('page', page.serve, page.act)), null)
    const view = await own.settled()
    expect([view.goal.state, view.asks]).toEqual(['met', []])

    const other = await aPage(await startMachine())
    const brain = await aBrain(actPlan(anAct('page', other.serve, other.act)))
    const room = await openRoom(brain.options)
    await room.add(null, null)
    await room.openAsk('act-approval')
    await room.answer('act-approval', 'yes')
    expect((await room.settled()).goal.state).toBe('met')
  })

  test('what is there already is asked about before anything is done', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const [key] = readFileSync(machine.authorizedKeys, 'utf8').split('\n')
    const act = { ...page.act, probes: page.act.probes.filter(({ name }) => name === 'the deploy key logs in') }
    writeFileSync(machine.authorizedKeys, `${key}\n${readFileSync(`${page.deployKey}.pub`, 'utf8')}`)
    const room = await openRoom()
    await room.add(actPlan(anAct('page', page.serve, act)), null)
    const ask = await room.openAsk('guard')
    expect(ask.detail).toContain('"the deploy key logs in" is to fail before the work, and it passes already')
    await room.settled()
    expect(machine.active()).toEqual([])
    await room.answer('guard', 'accept')
    const view = await room.settled()
    expect(states(view)).toEqual(['done'])
    // The work was wanted all the same, so an agent did it.
    expect(machine.active()).toEqual(['page.service'])
  })

  test('a probe that fails is fed back with what was seen, to the same session, until it passes', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const act = { ...page.act, probes: page.act.probes.map((probe) => ({ ...probe, timeoutSeconds: 1 })) }
    const [keys, ...rest] = page.serve
    const second: Step = { do: 'when', contains: 'ECONNREFUSED', yes: rest, no: [{ do: 'say', text: 'told nothing' }] }
    const room = await openRoom()
    await room.add(actPlan(anAct('page', { turns: [[keys!], [second]] }, act)), null)
    const view = await room.settled()
    expect(states(view)).toEqual(['done'])
    const { runs, proofs } = taskOf(view, 'page')
    expect(runs.map(({ outcome }) => outcome)).toEqual(['done', 'done'])
    expect(runs[1]!.sessionId).toBe(runs[0]!.sessionId)
    expect(proofs.map(({ passed }) => passed)).toEqual([false, true])
    expect(taskOf(view, 'page').task.workFailures).toBe(1)
  })

  test('an agent that does nothing is never believed, and in the end the owner is asked', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const act = { ...page.act, probes: page.act.probes.map((probe) => ({ ...probe, timeoutSeconds: 1 })) }
    const room = await openRoom()
    const liar: Step[] = [{ do: 'say', text: 'All set up and running, I checked it twice.' }]
    await room.add(actPlan(anAct('page', liar, act)), null, { attemptsMax: 2 })
    await room.openAsk('attempts-spent')
    await room.answer('attempts-spent', 'drop-task')
    const view = await room.settled()
    expect(view.goal).toMatchObject({ state: 'dropped' })
    expect(view.proofs.some(({ passed }) => passed)).toBe(false)
  })

  test('its sandbox opens what is declared and nothing else, and the key itself is nowhere', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const room = await openRoom()
    const outside = join(room.folder, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'there.conf'), 'old\n')
    const here = { kind: 'file', host: null, what: 'a setting', undoByHand: null } as const
    const act = {
      ...page.act,
      effects: [
        ...page.act.effects,
        { ...here, name: join(outside, 'there.conf'), undo: `echo old > ${join(outside, 'there.conf')}` },
        { ...here, name: join(outside, 'new.conf'), undo: `rm ${join(outside, 'new.conf')}` },
      ],
    }
    const tries: Step[] = [
      ...page.serve,
      { do: 'run', command: `echo new > ${outside}/there.conf; echo made > ${outside}/new.conf` },
      {
        do: 'run',
        command: [
          `{ ssh elsewhere true`,
          `ssh -F /dev/null -o BatchMode=yes -p ${machine.port} 127.0.0.1 true`,
          `cat ${machine.keyFile}`,
          `cat ${page.deployKey}`,
          `echo x > ${outside}/other.conf`,
          `grep -rl "PRIVATE[ ]KEY" $HOME $TMPDIR . /tmp 2>/dev/null`,
          `true; } > said.txt 2>&1; ssh web1 "cat > \\$HOME/said.txt" < said.txt`,
        ].join('; '),
      },
    ]
    await room.add(actPlan(anAct('page', tries, act)), null)
    const view = await room.settled()
    expect(states(view)).toEqual(['done'])
    expect(readFileSync(join(outside, 'there.conf'), 'utf8')).toBe('new\n')
    expect(readFileSync(join(outside, 'new.conf'), 'utf8')).toBe('made\n')
    expect(existsSync(join(outside, 'other.conf'))).toBe(false)
    const said = readFileSync(join(machine.home, 'said.txt'), 'utf8')
    expect(said).toContain('elsewhere is no host that this task declares')
    // Without the place's configuration there is no key, and so no way in.
    expect(said).toMatch(/Permission denied|Host key verification failed/)
    for (const key of [machine.keyFile, page.deployKey]) expect(said).toMatch(new RegExp(`${key}: No such file`))
    expect(said).not.toContain('PRIVATE KEY')
    // The checkout itself may lie below /tmp; libraries in it speak of keys.
    const found = said.split('\n').filter((line) => line.startsWith('/') && !line.startsWith(`${CHECKOUT}/`))
    expect(found).toEqual([])

    await room.daemon.goals.undo('1', 'test')
    await room.answer('undo-approval', 'yes')
    expect((await room.settled()).effects.map(({ state }) => state)).toEqual(Array(4).fill('undone'))
    expect(readFileSync(join(outside, 'there.conf'), 'utf8')).toBe('old\n')
    expect(existsSync(join(outside, 'new.conf'))).toBe(false)
  })

  test('it stands between changes: it sees what landed before, and what needs it waits for its proof', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const room = await openRoom()
    const repository = makeRepository({ 'README.md': '# Hello\n' })
    const steps: Step[] = [{ do: 'run', command: 'grep -q good a.txt' }, ...page.serve]
    const look: Step[] = [{ do: 'write', path: 'b.txt', text: 'good\n' }]
    const tasks = [task('a'), anAct('page', steps, page.act, { needs: ['a'] }), task('b', look, { needs: ['page'] })]
    await room.add(plan(tasks as never), repository)
    const view = await room.settled()
    expect(view.goal.state).toBe('met')
    expect(states(view)).toEqual(['done', 'done', 'done'])
    expect(fileAt(repository, 'main', 'b.txt')).toBe('good\n')
    expect(taskOf(view, 'page').proofs.map(({ kind }) => kind)).toEqual(['task'])
    const [proof] = taskOf(view, 'page').proofs
    const [last] = taskOf(view, 'b').runs
    expect(last!.startedAt).toBeGreaterThanOrEqual(proof!.createdAt)
    // What it wrote in its worktree is nobody's change.
    expect(fileAt(repository, 'main', 'page.js')).toBeUndefined()
  })

  test('cancelled in the middle, what may be there is listed and can be taken back', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const room = await openRoom()
    await room.add(
      actPlan(anAct('page', [...page.serve, { do: 'run', command: 'echo half' }, { do: 'silent' }], page.act)),
      null,
    )
    await room.heard('echo half')
    await expect(room.daemon.goals.take('1.1', 'test')).rejects.toThrow(
      /works outside a worktree.*nothing to take over/,
    )
    await expect(room.daemon.goals.give('1.1', 'test')).rejects.toMatchObject({ code: 'move_refused' })
    await room.daemon.goals.cancel('1', 'test')
    const view = await room.settled()
    expect(view.effects.map(({ state }) => state)).toEqual(['possible', 'possible'])
    const { markdown } = await room.daemon.goals.report('1')
    expect(markdown).toContain('may have happened')
    expect(markdown).toContain('systemctl --user disable')
    expect(machine.active()).toEqual(['page.service'])
    await room.daemon.goals.undo('1', 'test')
    await room.answer('undo-approval', 'yes')
    expect((await room.settled()).effects.map(({ state }) => state)).toEqual(['undone', 'undone'])
    expect(machine.active()).toEqual([])
  })

  test('what the owner adds while it works is heard before it is proven', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const room = await openRoom()
    const first: Step[] = [
      { do: 'run', command: 'echo here' },
      { do: 'sleep', ms: 3000 },
    ]
    const second: Step[] = [{ do: 'when', contains: 'gently', yes: page.serve }]
    await room.add(actPlan(anAct('page', { turns: [first, second] }, page.act)), null)
    await room.heard('echo here')
    await room.daemon.goals.steer('1.1', 'gently', 'test')
    const view = await room.settled()
    expect(states(view)).toEqual(['done'])
    expect(taskOf(view, 'page').runs).toHaveLength(1)
  })

  test('an undo step that fails is told with what it said, the others are done, and it can be tried again', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const lever = join(machine.folder, 'lever')
    const [keys, service] = page.act.effects
    const act = { ...page.act, effects: [keys!, { ...service!, undo: `test -e ${lever} || { echo stuck; exit 9; }` }] }
    const room = await openRoom()
    await room.add(actPlan(anAct('page', page.serve, act)), null)
    await room.settled()
    await room.daemon.goals.undo('1', 'test')
    await room.answer('undo-approval', 'yes')
    const view = await room.settled()
    expect(view.effects.map(({ state }) => state)).toEqual(['undone', 'failed'])
    expect(saidByCommand(view.effects[1]!.note)).toBe('it ended with 9: stuck')
    writeFileSync(lever, '')
    const again = await room.daemon.goals.undo('1', 'test')
    expect(again.steps).not.toContain('sed -i')
    await room.answer('undo-approval', 'no')
    expect((await room.settled()).effects.map(({ state }) => state)).toEqual(['undone', 'failed'])
    await room.daemon.goals.undo('1', 'test')
    await room.answer('undo-approval', 'yes')
    expect((await room.settled()).effects.map(({ state }) => state)).toEqual(['undone', 'undone'])
  })

  test('a host whose key nobody knows, and a key that is not there, are told plainly and asked about', async () => {
    const machine = await startMachine()
    const page = await aPage(machine)
    const [host] = page.act.hosts
    const only = (over: object) => ({
      hosts: [{ ...host!, ...over }],
      effects: page.act.effects,
      probes: page.act.probes.filter((probe) => 'host' in probe && probe.host === 'web1'),
    })
    for (const [over, words] of [
      [{ hostKey: null }, /the host web1 .* is not known/],
      [{ key: 'file:/nowhere/key' }, /file:\/nowhere\/key/],
    ] as const) {
      const room = await openRoom({ config: { runs: { softFailuresMax: 1 } } })
      await room.add(actPlan(anAct('page', page.serve, only(over))), null)
      expect((await room.openAsk('attempts-spent')).question).toMatch(words)
    }
    // As the owner knows it, by having been there.
    const room = await openRoom({
      prepareOwner: (home) => {
        mkdirSync(join(home, '.ssh'))
        writeFileSync(join(home, '.ssh', 'known_hosts'), `[127.0.0.1]:${machine.port} ${machine.hostKey}\n`)
      },
    })
    await room.add(actPlan(anAct('page', page.serve, only({ hostKey: null }))), null)
    expect((await room.settled()).goal.state).toBe('met')
  })
})
