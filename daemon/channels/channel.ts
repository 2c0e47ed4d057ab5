/**
 * One line between people and the daemon: Telegram, e-mail, the terminal …
 *
 * A channel carries words both ways and knows nothing of goals, roles or asks. What it must get right is what only
 * it can: nothing that arrived is acknowledged to the other side before `receive` has resolved (the rows are on the
 * disk then), and a failure to send says whether and when it may be tried again. Splitting, pacing, retrying and
 * joining of edits stand above it (deliver.ts), so no adapter has a queue of its own.
 */

export interface Channel extends AsyncDisposable {
  /** The owner's name for it: the key under `channels` in the configuration. */
  readonly name: string
  /** `telegram`, `slack` … */
  readonly kind: string
  readonly capabilities: Capabilities
  readonly limits: Limits
  /**
   * Asks the other side who we are there and whether we may read and write; changes nothing. Needs no `start`.
   * Faults: channel_refused (key or rights are wrong; says which), channel_unavailable.
   */
  check(signal: AbortSignal): Promise<Checked>
  /**
   * Begins to listen and keeps on through lost connections until disposed. Resolves at once; trouble with the
   * connection goes to `onTrouble`, and `undefined` when it is over.
   *
   * `receive` gets what came together, oldest first, and resolves when it is on the disk. Only then it is
   * acknowledged. Where it rejects, nothing is: the same events come again, with the same ids. Events may come
   * twice at any time, never with another id. What we ourselves wrote is not received.
   */
  start(receive: Receive, onTrouble: (trouble: Trouble | undefined) => void): Promise<void>
  /**
   * Sends one message that keeps the limits. Resolves when the other side has taken it.
   * Faults: channel_limited (details.retryAt), channel_unavailable (may be tried again; with `details.sent` false
   * where it is sure that nothing arrived), channel_refused (this message can never be sent like this: chat gone,
   * blocked, too large).
   */
  send(chat: Chat, message: Outgoing, signal?: AbortSignal): Promise<Sent>
  /**
   * Replaces text and buttons of a message of ours. The same content again is no failure. Only where
   * `capabilities.edits`. Faults as `send`; channel_refused with `details.gone` where it can no longer be edited.
   */
  edit(chat: Chat, messageId: string, message: Outgoing, signal?: AbortSignal): Promise<void>
  /** Puts one reaction of ours on a message. Only where `capabilities.reactions`; a wish: never throws for long. */
  react?(chat: Chat, messageId: string, emoji: string): Promise<void>
  /** Shows for some seconds that we write. A wish. */
  typing?(chat: Chat): Promise<void>
  /** After a press was handled: ends the waiting sign at the person's button, with a few words. A wish. */
  pressed?(event: PressEvent, words: string): Promise<void>
  /** The content of a file that came with a message, also after a restart. Faults: as `send`. */
  download(file: InboundFile, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array>
}

/** What a channel cannot do is done in words: `!yes 42` instead of buttons, a new message instead of an edit. */
export interface Capabilities {
  buttons: boolean
  /** People's reactions reach us, and we can set one. */
  reactions: boolean
  edits: boolean
  typing: boolean
  /** Files can be sent. */
  files: boolean
  /** The same `key` sent twice is one message on the other side, so that a crash in between does no harm. */
  idempotent: boolean
  /** How `Outgoing.text` is shown: Markdown is turned into what the other side knows, or sent as it is. */
  markdown: boolean
  /** Also between two, an answer is shown under what it answers; without, an answer there names nothing. */
  threads?: boolean
}

export interface Limits {
  /** UTF-16 units of `Outgoing.text` that are surely taken, whatever the Markdown turns into. */
  textMax: number
  /** UTF-8 bytes of a button's `data`. */
  buttonDataMax: number
  buttonsMax: number
  fileMaxBytes: number
  /** What is longer goes as a short beginning and a file. */
  attachAbove: number
  /** The least time between two messages (edits too) in one chat. */
  perChatMs: number
  /** The same over all chats. */
  overallMs: number
}

export interface Checked {
  /** Who we are there: `@claw_bot`, `claw@example.org`. */
  account: string
  /** What the owner should know: what to write to whom, what is missing but not fatal. One line each. */
  words: string[]
}

export interface Trouble {
  words: string
  /** False: trying again is of no use until the owner acts (a key withdrawn, a second poller). */
  mayPass: boolean
}

/** A place where messages go: a conversation with one person, a group, a thread of either. */
export interface Chat {
  /** Stable, unique within the channel; threads that are conversations of their own have ids of their own. */
  id: string
  /** In a group Claw listens only where it is meant. */
  kind: 'direct' | 'group'
}

export interface Sender {
  /**
   * Stable, unique within the channel, and not for people to choose: a numeric id, an authenticated address.
   * Never a display name.
   */
  id: string
  /** For people only. */
  name: string
  /** False: the other side does not vouch for the id (unsigned mail). Such a sender has no role. */
  isVerified: boolean
}

interface EventBase {
  /** Of the other side, the same at every redelivery, unique within the channel. */
  eventId: string
  chat: Chat
  sender: Sender
  /** Milliseconds since the epoch, by the other side's clock. */
  at: number
}

export interface MessageEvent extends EventBase {
  type: 'message'
  messageId: string
  text: string
  files: InboundFile[]
  /** In a group: whether it is meant for us (a mention, a reply to ours, a command). True in direct chats. */
  isForUs: boolean
  /** The message of ours (or another's) that it answers. */
  replyTo: string | null
  /** Somebody else's words, passed on: who is said to have written them. */
  forwardedFrom: string | null
}

export interface PressEvent extends EventBase {
  type: 'press'
  /** The message with the button. */
  messageId: string
  data: string
}

export interface ReactionEvent extends EventBase {
  type: 'reaction'
  messageId: string
  emoji: string
}

export type InboundEvent = MessageEvent | PressEvent | ReactionEvent
export type Receive = (events: readonly InboundEvent[]) => Promise<void>

export interface InboundFile {
  /** What `download` finds it by, also after a restart. */
  ref: string
  name: string
  mime: string
  /** Null where the other side does not say. */
  bytes: number | null
  kind: 'file' | 'voice'
}

export interface Outgoing {
  /** Markdown: bold, italic, code, fences, links, lists. May be empty only with a file. */
  text: string
  /** Rows of buttons, left out where there are none. */
  buttons?: readonly (readonly Button[])[]
  file?: { name: string; mime: string; data: Uint8Array }
  /** The message that it answers. */
  replyTo?: string
  /** The same for every attempt at the same message. */
  key: string
}

export interface Button {
  label: string
  /** Comes back in `PressEvent.data`. */
  data: string
}

export interface Sent {
  /** For edits and to know answers and reactions by. */
  messageId: string
}

/** What opening a channel may use beside its configuration. */
export interface ChannelDeps {
  name: string
  world: import('../../core/world.ts').World
  /** Finds a secret by its reference in the configuration. Throws config_invalid where there is none. */
  secret(reference: string): string
  /** A little durable memory of the channel's own: a cursor, a sync token. Survives restarts. */
  memory: ChannelMemory
}

export interface ChannelMemory {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string): Promise<void>
}
