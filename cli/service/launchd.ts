import { join } from 'node:path'
import type { ServiceFacts, ServicePlan } from './service.ts'

/** A LaunchAgent: started when the owner logs in, and again when it fails; ended in order it stays ended. */
export function launchdPlan(facts: ServiceFacts): ServicePlan {
  const label = `claw.${facts.name}`
  const file = join(facts.ownerHome, 'Library', 'LaunchAgents', `${label}.plist`)
  const domain = `gui/${facts.uid}`
  const service = `${domain}/${label}`
  const withKeys = Object.keys(facts.credentials)
  return {
    kind: 'launchd',
    files: [{ path: file, content: plist(facts, label) }],
    install: [['launchctl', 'bootstrap', domain, file]],
    uninstall: [['launchctl', 'bootout', service]],
    start: [['launchctl', 'kickstart', service]],
    stop: [['launchctl', 'kill', 'SIGTERM', service]],
    restart: [['launchctl', 'kickstart', '-k', service]],
    isActive: ['launchctl', 'print', service],
    notes: withKeys.length > 0 ? [`launchd has no credentials: set \`key: file:…\` for ${withKeys.join(', ')}`] : [],
  }
}

function plist({ node, args, home, path, logsDir }: ServiceFacts, label: string): string {
  const words = [node, ...args].map((word) => `    <string>${xml(word)}</string>`).join('\n')
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${xml(label)}</string>
  <key>ProgramArguments</key>
  <array>
${words}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>CLAW_HOME</key>
    <string>${xml(home)}</string>
    <key>PATH</key>
    <string>${xml(path)}</string>
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ExitTimeOut</key>
  <integer>60</integer>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardOutPath</key>
  <string>${xml(join(logsDir, 'daemon.out'))}</string>
  <key>StandardErrorPath</key>
  <string>${xml(join(logsDir, 'daemon.out'))}</string>
</dict>
</plist>
`
}

export function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
