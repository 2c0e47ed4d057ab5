import { eventSourceContract } from '../contracts/event-source.ts'
import { goalsContract } from '../contracts/goals.ts'
import { inboxContract } from '../contracts/inbox.ts'
import { createFakeEventSource } from './fake-event-source.ts'
import { createFakeGoals } from './fake-goals.ts'
import { createFakeInbox } from './fake-inbox.ts'

eventSourceContract('the fake event source', async () => {
  const events = createFakeEventSource()
  return { events, add: async (goalId) => void events.add('goal.paused', { by: 'x' }, goalId) }
})

goalsContract('the fake', async () => createFakeGoals())

inboxContract('the fake', async () => {
  const inbox = createFakeInbox()
  return { inbox, put: inbox.put }
})
