import { join } from 'node:path'

/**
 * Where no run may write, whatever a plan declares: what Claw itself stands on, and what opens the owner's other
 * doors. A folder around one of them is refused with it.
 */
export function forbiddenFolders({ clawHome, ownerHome }: { clawHome: string; ownerHome: string }): string[] {
  const own = ['.ssh', '.gnupg', '.aws', '.kube', '.config/gcloud', '.config/systemd', '.local/bin']
  return [
    clawHome,
    ...own.map((folder) => join(ownerHome, folder)),
    '/etc/ssh',
    '/etc/sudoers.d',
    '/etc/cron.d',
    '/proc',
    '/sys',
    '/dev',
  ]
}
