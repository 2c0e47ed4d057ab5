import type { Chat, Sender } from '../../daemon/channels/channel.ts'
import { createFakeServer, type FakeServer } from '../fakes/fake-channel.ts'
import { channelContract, type Stage } from './channel-contract.ts'

const DIRECT: Chat = { id: 'ann', kind: 'direct' }
const GROUP: Chat = { id: 'team', kind: 'group' }
const PEOPLE = {
  ann: { id: 'u1', name: 'Ann', isVerified: true },
  ben: { id: 'u2', name: 'Ben', isVerified: true },
} satisfies Record<string, Sender>

for (const idempotent of [false, true]) {
  channelContract(idempotent ? 'the fake channel with keys' : 'the fake channel', async () => stageOn(idempotent))
}

function stageOn(idempotent: boolean): Stage {
  const server = createFakeServer()
  return {
    open: async () => server.open({ capabilities: { idempotent } }),
    openWrong: async () => server.open({ isKeyWrong: true }),
    direct: DIRECT,
    group: GROUP,
    async say({ chat, text, from = 'ann', mention = false, file, forwardedFrom = null, replyTo = null }) {
      server.put({
        ...baseOf(server, chat, from),
        type: 'message',
        messageId: server.newId(),
        text,
        files: file ? [server.keepFile(file)] : [],
        isForUs: chat.kind === 'direct' || mention,
        replyTo,
        forwardedFrom,
      })
    },
    async press(chat, messageId, data) {
      server.put({ ...baseOf(server, chat, 'ann'), type: 'press', messageId, data })
    },
    async react(chat, messageId, emoji) {
      server.put({ ...baseOf(server, chat, 'ann'), type: 'reaction', messageId, emoji })
    },
    async shown(chat) {
      return server.messages
        .filter((message) => message.chatId === chat.id)
        .map(({ messageId, text, buttons, file }) => ({
          messageId,
          text,
          buttons: buttons.map(({ label }) => label),
          file: file && { name: file.name, data: file.data },
        }))
    },
    limitOnce: (ms) => server.limitOnce(ms),
    async cut() {
      server.setAway(true)
      return async () => server.setAway(false)
    },
    async remove(_, messageId) {
      server.remove(messageId)
    },
    async [Symbol.asyncDispose]() {},
  }
}

function baseOf(server: FakeServer, chat: Chat, from: keyof typeof PEOPLE) {
  return { eventId: `e${server.newId()}`, chat, sender: PEOPLE[from], at: 0 }
}
