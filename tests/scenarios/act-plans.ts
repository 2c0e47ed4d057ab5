import type { Act } from '../../core/act.ts'
import { type PlanDraft, PlannedTask } from '../../core/plan.ts'
import { type Script, type Step, script } from '../fakes/scripted-agent.ts'
import { freePort, type Machine } from '../fakes/sshd.ts'

/** A page on a machine: what serves it, and what its agent does for it. */
export interface Page {
  port: number
  /** The file of the key that the act installs. */
  deployKey: string
  /** Puts the page and its unit there and starts it. */
  serve: Step[]
  act: Act
}

/** The words on the page; whoever else listens there does not say them. */
export const WORDS = 'Hello from the act'

export const SERVER = (port: number) =>
  `require('node:http').createServer((q,s)=>s.end('${WORDS}')).listen(${port},'127.0.0.1')`

/**
 * Keys installed and a service set up, on a machine reached over ssh. The second host is the same machine with a key
 * that is let in only once the act has installed it.
 */
export async function aPage(machine: Machine, changes: Partial<Act> = {}): Promise<Page> {
  const port = await freePort()
  const deploy = machine.newKey(`deploy-${port}`)
  const unit = `[Service]\\nExecStart=${process.execPath} $HOME/page.js\\n`
  const host = { address: '127.0.0.1', port: machine.port, user: machine.user, hostKey: machine.hostKey }
  return {
    port,
    deployKey: deploy.file,
    serve: [
      {
        do: 'run',
        command: `ssh web1 'grep -q "${deploy.line}" ${machine.authorizedKeys} || echo "${deploy.line}" >> ${machine.authorizedKeys}'`,
      },
      { do: 'write', path: 'page.js', text: SERVER(port) },
      { do: 'run', command: `ssh web1 'cat > $HOME/page.js' < page.js` },
      {
        do: 'run',
        command: `ssh web1 'mkdir -p $HOME/.config/systemd/user && printf "${unit}" > $HOME/.config/systemd/user/page.service && systemctl --user enable --now page.service'`,
      },
    ],
    act: {
      hosts: [
        { name: 'web1', key: `file:${machine.keyFile}`, ...host },
        { name: 'web1-deploy', key: `file:${deploy.file}`, ...host },
      ],
      effects: [
        {
          kind: 'file',
          name: machine.authorizedKeys,
          host: 'web1',
          what: 'lets the deploy key in',
          undo: `sed -i /deploy-${port}/d ${machine.authorizedKeys}`,
          undoByHand: null,
        },
        {
          kind: 'service',
          name: 'page.service',
          host: 'web1',
          what: 'serves the page',
          undo: 'systemctl --user disable --now page.service && rm -f $HOME/.config/systemd/user/page.service $HOME/page.js',
          undoByHand: null,
        },
      ],
      probes: [
        {
          name: 'the page is served',
          kind: 'fails-before',
          probe: 'http',
          url: `http://127.0.0.1:${port}/`,
          status: 200,
          contains: WORDS,
          timeoutSeconds: 20,
        },
        {
          name: 'the port is open',
          kind: 'fails-before',
          probe: 'port',
          address: '127.0.0.1',
          port,
          timeoutSeconds: 20,
        },
        {
          name: 'the unit is active',
          kind: 'fails-before',
          probe: 'unit',
          host: 'web1',
          unit: 'page.service',
          user: true,
          timeoutSeconds: 20,
        },
        {
          name: 'the deploy key logs in',
          kind: 'fails-before',
          probe: 'ssh',
          host: 'web1-deploy',
          command: 'echo in as $USER',
          exitCode: 0,
          contains: 'in as',
          timeoutSeconds: 20,
        },
        {
          name: 'the owner still logs in',
          kind: 'holds',
          probe: 'ssh',
          host: 'web1',
          command: 'exit 7',
          exitCode: 7,
          contains: null,
          timeoutSeconds: 20,
        },
      ],
      ...changes,
    },
  }
}

export function anAct(key: string, steps: Script, act: Act, more: Partial<PlannedTask> = {}): PlannedTask {
  return PlannedTask.parse({
    key,
    title: `Set up ${key}`,
    kind: 'act',
    brief: script(steps, `Set up ${key}.`),
    act,
    ...more,
  })
}

export function actPlan(...tasks: PlanDraft['tasks']): PlanDraft {
  return { summary: 'Set it up.', tasks, sharedPaths: [], checks: [], questions: [] }
}
