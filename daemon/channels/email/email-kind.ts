import type { EmailConfig } from '../../../config/channels.ts'
import type { ChannelKind } from '../kind.ts'

export const emailKind: ChannelKind<EmailConfig> = {
  kind: 'email',
  title: 'E-mail (a mailbox of Claw’s own)',
  steps: [
    'Make a mailbox for Claw alone: every mail in it is read as a message to Claw.',
    'With two-factor login (Gmail, Fastmail, iCloud …) make an app password for it.',
  ],
  fields: [
    { key: 'address', title: 'Address', hint: 'claw@example.org', isSecret: false, kind: 'text' },
    { key: 'password', title: 'Password', hint: 'of the mailbox, or an app password', isSecret: true, kind: 'text' },
    {
      key: 'user',
      title: 'Login name',
      hint: 'where it is not the address',
      isSecret: false,
      fallback: null,
      kind: 'text',
    },
    {
      key: 'imap',
      title: 'IMAP server',
      hint: 'like imaps://imap.example.org; found by the address where left out',
      isSecret: false,
      fallback: null,
      kind: 'text',
    },
    {
      key: 'smtp',
      title: 'SMTP server',
      hint: 'like smtps://smtp.example.org; found by the address where left out',
      isSecret: false,
      fallback: null,
      kind: 'text',
    },
    {
      key: 'trust',
      title: 'Trusted name',
      hint: 'in your provider’s Authentication-Results headers, like mx.google.com; may be left out',
      isSecret: false,
      fallback: null,
      kind: 'text',
    },
  ],
  async open(config, deps) {
    const { createEmailChannel } = await import('./email-channel.ts')
    return createEmailChannel(config, deps)
  },
}
