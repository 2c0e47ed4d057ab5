import { win32 } from 'node:path'
import { xml } from './launchd.ts'
import type { ServiceFacts, ServicePlan } from './service.ts'

/** A task of the owner's own: started at log-on and again when it fails; needs no administrator. */
export function taskSchedulerPlan(facts: ServiceFacts): ServicePlan {
  const file = win32.join(facts.home, `${facts.name}.task.xml`)
  const task = (...words: string[]) => ['schtasks', ...words, '/TN', facts.name] as const
  return {
    kind: 'task-scheduler',
    files: [{ path: file, content: taskXml(facts) }],
    install: [[...task('/Create', '/F'), '/XML', file], task('/Run')],
    uninstall: [task('/End'), task('/Delete', '/F')],
    start: [task('/Run')],
    stop: [task('/End')],
    restart: [task('/End'), task('/Run')],
    isActive: ['schtasks', '/Query', '/TN', facts.name],
    notes: ['The task sees the variables of your account, CLAW_HOME among them (setx).'],
  }
}

/** Task Scheduler has no environment of its own, so the home is handed to Node's command line by `cmd`. */
function taskXml({ node, args, home, user }: ServiceFacts): string {
  const line = [node, ...args].map((word) => `"${word}"`).join(' ')
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.4" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Claw (${xml(home)})</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>${xml(user)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Owner">
      <UserId>${xml(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Hidden>true</Hidden>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>999</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Owner">
    <Exec>
      <Command>cmd.exe</Command>
      <Arguments>${xml(`/d /c "set "CLAW_HOME=${home}" && ${line}"`)}</Arguments>
      <WorkingDirectory>${xml(home)}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
`
}
