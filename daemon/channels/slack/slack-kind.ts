import type { SlackConfig } from '../../../config/channels.ts'
import type { ChannelKind } from '../kind.ts'
import { SLACK_MANIFEST } from './slack-manifest.ts'

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
  async open(config, deps) {
    const { createSlackChannel } = await import('./slack-channel.ts')
    return createSlackChannel(config, deps)
  },
}
