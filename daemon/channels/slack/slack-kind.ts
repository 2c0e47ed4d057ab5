import type { SlackConfig } from '../../../config/channels.ts'
import { Fault } from '../../../core/fault.ts'
import type { ChannelKind } from '../kind.ts'

/** What the app may do and hears of, as Slack's app manifest wants it: a link carries it, so nobody has to tick boxes. */
export const SLACK_MANIFEST = {
  display_information: { name: 'Claw' },
  features: {
    bot_user: { display_name: 'claw', always_online: true },
    app_home: { messages_tab_enabled: true, messages_tab_read_only_enabled: false },
  },
  oauth_config: {
    scopes: {
      bot: [
        'app_mentions:read',
        'chat:write',
        'files:read',
        'files:write',
        'im:history',
        'im:read',
        'reactions:read',
        'reactions:write',
        'users:read',
      ],
    },
  },
  settings: {
    event_subscriptions: { bot_events: ['app_mention', 'message.im', 'reaction_added'] },
    interactivity: { is_enabled: true },
    socket_mode_enabled: true,
  },
}

const NEW_APP = `https://api.slack.com/apps?new_app=1&manifest_json=${encodeURIComponent(JSON.stringify(SLACK_MANIFEST))}`

export const slackKind: ChannelKind<SlackConfig> = {
  kind: 'slack',
  title: 'Slack',
  steps: [
    `Open this link, choose your workspace and press Create: ${NEW_APP}`,
    'There, under Basic Information, App-Level Tokens: generate one with the scope connections:write. It begins with xapp-.',
    'Under Install App: install it, and copy the Bot User OAuth Token. It begins with xoxb-.',
  ],
  fields: [
    { key: 'appToken', title: 'App token', hint: 'begins with xapp-', isSecret: true, kind: 'text' },
    { key: 'botToken', title: 'Bot token', hint: 'begins with xoxb-', isSecret: true, kind: 'text' },
    {
      key: 'apiRoot',
      title: 'Web API server',
      hint: 'another than Slack’s own',
      isSecret: false,
      fallback: null,
      kind: 'text',
    },
  ],
  async open() {
    throw new Fault('channel_unavailable', 'this version of Claw cannot open Slack yet')
  },
}
