/**
 * What the fake of Slack knows of the Web API, held by the compiler to what Slack publishes with its own client:
 * an argument that no published method has, or an answer of another shape, does not compile.
 */
import type { KnownBlock } from '@slack/types'
import type {
  AppsConnectionsOpenResponse,
  AuthTestArguments,
  AuthTestResponse,
  ChatPostMessageArguments,
  ChatPostMessageResponse,
  ChatUpdateArguments,
  ChatUpdateResponse,
  ConversationsHistoryArguments,
  ConversationsHistoryResponse,
  FilesCompleteUploadExternalArguments,
  FilesCompleteUploadExternalResponse,
  FilesGetUploadURLExternalArguments,
  FilesGetUploadURLExternalResponse,
  FilesInfoArguments,
  FilesInfoResponse,
  ReactionsAddArguments,
  ReactionsAddResponse,
  UsersConversationsArguments,
  UsersConversationsResponse,
  UsersInfoArguments,
  UsersInfoResponse,
} from '@slack/web-api'

interface Methods {
  'apps.connections.open': [{ token?: string }, AppsConnectionsOpenResponse]
  'auth.test': [AuthTestArguments, AuthTestResponse]
  'chat.postMessage': [ChatPostMessageArguments, ChatPostMessageResponse]
  'chat.update': [ChatUpdateArguments, ChatUpdateResponse]
  'conversations.history': [ConversationsHistoryArguments, ConversationsHistoryResponse]
  'files.completeUploadExternal': [FilesCompleteUploadExternalArguments, FilesCompleteUploadExternalResponse]
  'files.getUploadURLExternal': [FilesGetUploadURLExternalArguments, FilesGetUploadURLExternalResponse]
  'files.info': [FilesInfoArguments, FilesInfoResponse]
  'reactions.add': [ReactionsAddArguments, ReactionsAddResponse]
  'users.conversations': [UsersConversationsArguments, UsersConversationsResponse]
  'users.info': [UsersInfoArguments, UsersInfoResponse]
}

export type Method = keyof Methods
export type AnswerTo<M extends Method> = Methods[M][1]
type KeysOf<T> = T extends T ? keyof T : never
type ArgumentsOf<M extends Method> = KeysOf<Methods[M][0]>

interface Words<M extends Method> {
  required: readonly ArgumentsOf<M>[]
  optional: readonly ArgumentsOf<M>[]
  /** The right that the app needs for it. */
  scope: string | null
}

export const METHODS: { [M in Method]: Words<M> } = {
  'apps.connections.open': { required: [], optional: ['token'], scope: null },
  'auth.test': { required: [], optional: [], scope: null },
  'chat.postMessage': {
    required: ['channel'],
    optional: ['text', 'blocks', 'thread_ts', 'unfurl_links', 'unfurl_media'],
    scope: 'chat:write',
  },
  'chat.update': { required: ['channel', 'ts'], optional: ['text', 'blocks'], scope: 'chat:write' },
  'conversations.history': {
    required: ['channel'],
    optional: ['cursor', 'limit', 'oldest', 'latest', 'inclusive'],
    scope: 'im:history',
  },
  'files.completeUploadExternal': {
    required: ['files'],
    optional: ['channel_id', 'thread_ts', 'initial_comment', 'blocks'],
    scope: 'files:write',
  },
  'files.getUploadURLExternal': { required: ['filename', 'length'], optional: ['alt_text'], scope: 'files:write' },
  'files.info': { required: ['file'], optional: [], scope: 'files:read' },
  'reactions.add': { required: ['channel', 'name', 'timestamp'], optional: [], scope: 'reactions:write' },
  'users.conversations': { required: [], optional: ['types', 'limit', 'cursor', 'exclude_archived'], scope: 'im:read' },
  'users.info': { required: ['user'], optional: [], scope: 'users:read' },
}

/** What Slack says no to, as its reference of blocks has it. Undefined: it takes them. */
export function whyNotBlocks(blocks: readonly KnownBlock[]): string | undefined {
  if (blocks.length > 50) return 'invalid_blocks'
  if (JSON.stringify(blocks).length > 13_200) return 'msg_blocks_too_long'
  for (const block of blocks) {
    if (block.type === 'rich_text') {
      if (block.elements.length === 0) return 'invalid_blocks'
      for (const part of block.elements) {
        if (part.elements.length === 0) return 'invalid_blocks'
        if (part.elements.some((run) => run.type === 'text' && run.text === '')) return 'invalid_blocks'
      }
    }
    if (block.type !== 'actions') continue
    const ids = block.elements.map((element) => element.action_id)
    if (block.elements.length === 0 || block.elements.length > 25 || new Set(ids).size < ids.length)
      return 'invalid_blocks'
    for (const element of block.elements) {
      if (element.type !== 'button') return 'invalid_blocks'
      if (element.text.text.length > 75 || (element.value?.length ?? 0) > 2_000) return 'invalid_blocks'
    }
  }
  return undefined
}

/** What people see of the blocks. */
export function plainOf(blocks: readonly KnownBlock[]): {
  text: string
  buttons: { label: string; id: string; value: string }[]
} {
  const parts: string[] = []
  const buttons: { label: string; id: string; value: string }[] = []
  for (const block of blocks) {
    if (block.type === 'rich_text') {
      for (const part of block.elements) {
        const runs = part.elements as readonly { text?: string; url?: string }[]
        parts.push(runs.map((run) => run.text ?? run.url ?? '').join(''))
      }
    }
    if (block.type === 'actions') {
      for (const element of block.elements) {
        if (element.type === 'button')
          buttons.push({ label: element.text.text, id: element.action_id ?? '', value: element.value ?? '' })
      }
    }
  }
  return { text: parts.join('\n'), buttons }
}
