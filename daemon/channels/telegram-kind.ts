import type { TelegramConfig } from '../../config/channels.ts'
import type { ChannelKind } from './kind.ts'

export const telegramKind: ChannelKind<TelegramConfig> = {
  kind: 'telegram',
  title: 'Telegram',
  steps: ['In Telegram, write /newbot to @BotFather and answer its two questions.', 'It answers with a token.'],
  fields: [
    {
      key: 'token',
      title: 'Bot token',
      hint: 'from @BotFather, like 123456:ABC-DEF…',
      isSecret: true,
      kind: 'text',
    },
    {
      key: 'apiRoot',
      title: 'Bot API server',
      hint: 'another than Telegram’s own',
      isSecret: false,
      fallback: null,
      kind: 'text',
    },
  ],
  async open(config, deps) {
    const { createTelegramChannel } = await import('./telegram-channel.ts')
    return createTelegramChannel(config, deps)
  },
}
