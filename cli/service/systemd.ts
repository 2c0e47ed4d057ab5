import { join } from 'node:path'
import type { ServiceFacts, ServicePlan } from './service.ts'

/**
 * Units of the owner's own systemd. The socket is systemd's and stays open while the service restarts, so
 * nobody who calls meanwhile is refused: they wait.
 */
export function systemdPlan(facts: ServiceFacts): ServicePlan {
  const { name, ownerHome } = facts
  const folder = join(ownerHome, '.config', 'systemd', 'user')
  const [service, socket] = [`${name}.service`, `${name}.socket`]
  const systemctl = (...words: string[]) => ['systemctl', '--user', ...words] as const
  return {
    kind: 'systemd',
    files: [
      { path: join(folder, socket), content: socketUnit(facts) },
      { path: join(folder, service), content: serviceUnit(facts) },
    ],
    install: [systemctl('daemon-reload'), systemctl('enable', '--now', socket, service)],
    uninstall: [systemctl('disable', '--now', service, socket)],
    start: [systemctl('start', socket, service)],
    stop: [systemctl('stop', socket, service)],
    restart: [systemctl('restart', service)],
    isActive: systemctl('is-active', '--quiet', service),
    notes: ['So that it also runs while you are not logged in: loginctl enable-linger'],
  }
}

function socketUnit({ home, port, name }: ServiceFacts): string {
  return `[Unit]
Description=Claw's address (${specifiers(home)})

[Socket]
ListenStream=127.0.0.1:${port}
Service=${name}.service

[Install]
WantedBy=sockets.target
`
}

function serviceUnit({ home, node, args, path, name, credentials }: ServiceFacts): string {
  const loaded = Object.entries(credentials).map(([key, file]) => `LoadCredential=${key}:${specifiers(file)}\n`)
  return `[Unit]
Description=Claw (${specifiers(home)})
Requires=${name}.socket
After=${name}.socket
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=all
ExecStart=${[node, ...args].map((word) => quoted(word).replaceAll('$', '$$$$')).join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
Environment=${quoted(`CLAW_HOME=${home}`)}
Environment=${quoted(`PATH=${path}`)}
WorkingDirectory=-${specifiers(home)}
UMask=0077
${loaded.join('')}# 78: bad configuration, or another daemon holds the home; starting again would not help.
Restart=always
RestartSec=2
RestartPreventExitStatus=78
# The daemon ends its agents itself; what is then still there is killed with it.
KillMode=mixed
Delegate=yes
TimeoutStartSec=120
TimeoutStopSec=60
WatchdogSec=120

[Install]
WantedBy=default.target
`
}

/** systemd.syntax(7): one word, whatever is in it. */
function quoted(word: string): string {
  const text = specifiers(word)
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

function specifiers(text: string): string {
  return text.replaceAll('%', '%%')
}
