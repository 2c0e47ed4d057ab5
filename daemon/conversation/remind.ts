/** Asks that nobody answered: said again a few times, and after a time set aside with their goal. */
import type { Ask } from '../../core/ask.ts'
import { DAY, HOUR } from '../../core/clock.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import { DELIVER } from '../channels/deliver.ts'
import { addOut, findOuts, type OutRow, putOut } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import { findAsk, getGoal, listAsks } from '../store/rows.ts'
import type { Store } from '../store/store.ts'

export interface RemindDeps {
  store: Store
  queue: Queue
  world: World
  config: { remindHours: number | null; remindMax: number; expireDays: number | null }
  unasked(now: number): number
  /** Pauses a goal that nobody answered for. */
  pause(goal: string, by: string): Promise<void>
}

/** Who it was, where nobody answered; also how it is known that this was done already. */
export const NOBODY = 'no answer'

export function createRemind({ store, queue, world, config, unasked, pause }: RemindDeps) {
  const { remindHours, remindMax, expireDays } = config

  async function again(ask: Ask, everyMs: number, now: number): Promise<void> {
    const times = Math.min(remindMax, Math.floor((now - ask.createdAt) / everyMs))
    if (times < 1) return
    await store.transaction(async (tx) => {
      const fresh = await findAsk(tx, { id: ask.id })
      if (fresh?.state !== 'open') return
      for (const { chatId, messageId } of await toldOf(tx, ask)) {
        await addOut(tx, now, {
          key: `remind:${ask.id}:${chatId}:${times}`,
          chatId,
          text: `Still waiting for you: ? ${ask.number} ${oneLine(ask.question)}`,
          replyTo: messageId,
          notBefore: unasked(now),
        })
        await queue.send(tx, DELIVER, chatId)
      }
    })
  }

  /**
   * The ask stays in the inbox; its goal is set aside, so that nothing waits and nothing is decided for anybody.
   * Once: whoever resumes the goal without an answer wants it so.
   */
  async function expire(ask: Ask): Promise<void> {
    const goal = await getGoal(store.db, ask.goalId)
    const before = await store.db
      .selectFrom('event')
      .select('data')
      .where('goalId', '=', goal.id)
      .where('type', '=', 'goal.paused')
      .where('at', '>=', ask.createdAt)
      .execute()
    const isExpired = before.some(({ data }) => (JSON.parse(data) as { by?: string }).by === NOBODY)
    if (!isExpired && goal.state === 'open') await pause(String(goal.number), NOBODY)
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const text = `**? ${ask.number}** · goal #${goal.number}\n${oneLine(ask.question)}\n\n_No answer for ${expireDays} days: the goal was paused. Answer with \`!answer ${ask.number} …\`, then /resume ${goal.number}._`
      for (const told of await toldOf(tx, ask)) {
        await putOut(tx, now, { ...told, text, buttons: [], notBefore: unasked(now) })
        await queue.send(tx, DELIVER, told.chatId)
      }
    })
  }

  async function toldOf(db: Store['db'], ask: Ask): Promise<OutRow[]> {
    return (await findOuts(db, `ask:${ask.id}:%`)).filter(({ state }) => state !== 'dropped')
  }

  return async function remind(): Promise<void> {
    const now = world.clock.now()
    for (const ask of await listAsks(store.db, { state: 'open' })) {
      if (expireDays !== null && now - ask.createdAt > expireDays * DAY) await expire(ask)
      else if (remindHours !== null) await again(ask, remindHours * HOUR, now)
    }
  }
}
