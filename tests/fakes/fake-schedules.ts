import { Fault } from '../../core/fault.ts'
import type { Schedules } from '../../daemon/schedules/schedules.ts'

/** No schedules, for apps that are about something else; the real ones are tested through tests/daemon/schedules. */
export function createFakeSchedules(over: Partial<Schedules> = {}): Schedules {
  const none = async (name: unknown): Promise<never> => {
    throw new Fault('schedule_not_found', `there is no schedule ${String(name)}`)
  }
  return {
    preview: none,
    add: none,
    list: async () => [],
    show: none,
    pause: none,
    resume: none,
    remove: none,
    run: none,
    history: none,
    async deliver() {
      throw new Fault('signature_refused', 'The delivery is not signed as this hook wants it')
    },
    ...over,
  }
}
