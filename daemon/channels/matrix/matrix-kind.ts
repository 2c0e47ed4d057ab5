import type { MatrixConfig } from '../../../config/channels.ts'
import type { ChannelKind } from '../kind.ts'

export const matrixKind: ChannelKind<MatrixConfig> = {
  kind: 'matrix',
  title: 'Matrix (rooms without encryption)',
  steps: [
    'Make an account for Claw on your homeserver, in a private window of Element or any other client.',
    'There: All settings, Help & About, Access Token. Copy it, then close the window without logging out.',
  ],
  fields: [
    { key: 'homeserver', title: 'Homeserver', hint: 'https://matrix.org', isSecret: false, kind: 'text' },
    { key: 'token', title: 'Access token', hint: 'begins with syt_ or mat_', isSecret: true, kind: 'text' },
  ],
  async open(config, deps) {
    const { createMatrixChannel } = await import('./matrix-channel.ts')
    return createMatrixChannel(config, deps)
  },
}
