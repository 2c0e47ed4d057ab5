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
