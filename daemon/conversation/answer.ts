/** What comes of something that a person said or did, before it is settled. */
import type { Person } from '../../core/person.ts'
import type { NewOut } from '../store/chat-rows.ts'

export interface Answer {
  out: Omit<NewOut, 'chatId' | 'key'>[]
  /** How the event ended, for whoever looks at the rows. */
  note: string
  /** Whether others than the speaker had a hand in these words. */
  isTainted?: boolean
}

export interface Who {
  person: Person
  /** For the record: `telegram:ann`. */
  by: string
}
