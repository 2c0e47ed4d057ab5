import type { ChannelConfig } from '../../config/channels.ts'
import type { Channel, ChannelDeps } from './channel.ts'

/** One kind of channel: how it is set up and opened. Its libraries are loaded by `open`, not before. */
export interface ChannelKind<C extends ChannelConfig = ChannelConfig> {
  kind: C['kind']
  title: string
  /** What the owner does on the other side first, one step a line. */
  steps: readonly string[]
  /** What `claw channel add` asks for, in this order; keys of the configuration. */
  fields: readonly SetupField[]
  open(config: C, deps: ChannelDeps): Promise<Channel>
}

export interface SetupField {
  key: string
  /** `Bot token` */
  title: string
  /** Where to find it or what it looks like. */
  hint: string
  /** Kept in a file of its own, mode 0600; the configuration holds `file:…`. */
  isSecret: boolean
  /** Undefined: it must be given. Null: it may be left out. */
  fallback?: string | number | boolean | null
  kind: 'text' | 'number' | 'boolean'
}
