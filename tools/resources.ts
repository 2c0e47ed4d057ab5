/** What an owner's client can read without a tool: notes, reports and proofs. */
import { type McpServer, ResourceNotFoundError, ResourceTemplate } from '@modelcontextprotocol/server'
import { isFault } from '../core/fault.ts'
import { oneLine } from '../core/plain-text.ts'
import type { OwnerContext } from './context.ts'
import { clip, proofLines, shapeProof } from './shapes.ts'

const LISTED_MAX = 100
/** As many as the protocol lets a completion hold. */
const COMPLETED_MAX = 100

export function addResources(server: McpServer, { goals, listProofs, getProof, memory }: OwnerContext): void {
  const reported = async () => (await goals.list({ state: 'ended' })).filter(({ goal }) => goal.reportFile !== null)

  server.registerResource(
    'report',
    new ResourceTemplate('claw://reports/{goal}', {
      list: async () => ({
        resources: (await reported()).slice(0, LISTED_MAX).map(({ goal }) => ({
          uri: `claw://reports/${goal.number}`,
          name: `report of goal #${goal.number}`,
          title: clip(oneLine(goal.text), 100),
          mimeType: 'text/markdown',
        })),
      }),
      complete: {
        goal: async (typed) =>
          starting(
            typed,
            (await reported()).map(({ goal }) => String(goal.number)),
          ),
      },
    }),
    {
      title: 'Report of a goal',
      description: 'What was done, what proves it, what it cost.',
      mimeType: 'text/markdown',
    },
    async (uri, { goal }) => {
      const { markdown } = await found(uri, goals.report(String(goal)))
      return { contents: [{ uri: uri.href, mimeType: 'text/markdown', text: markdown }] }
    },
  )

  server.registerResource(
    'proof',
    new ResourceTemplate('claw://proofs/{proof}', {
      list: async () => ({
        resources: (await listProofs(LISTED_MAX)).map(({ id, kind, passed, createdAt }) => ({
          uri: `claw://proofs/${id}`,
          name: id,
          title: `${kind} proof, ${passed ? 'passed' : 'not passed'}, ${new Date(createdAt).toISOString()}`,
          mimeType: 'text/plain',
        })),
      }),
      complete: {
        proof: async (typed) =>
          starting(
            typed,
            (await listProofs(LISTED_MAX)).map(({ id }) => id),
          ),
      },
    }),
    { title: 'Proof', description: 'What Claw itself ran on one commit.', mimeType: 'text/plain' },
    async (uri, { proof }) => {
      const shape = shapeProof(await found(uri, getProof(String(proof))))
      return { contents: [{ uri: uri.href, mimeType: 'text/plain', text: proofLines(shape) }] }
    },
  )

  if (!memory) return
  server.registerResource(
    'note',
    new ResourceTemplate('claw://notes/{note}', {
      list: async () => ({
        resources: (await memory.list({ limit: LISTED_MAX })).map(({ noteId, title, scope }) => ({
          uri: `claw://notes/${noteId}`,
          name: noteId,
          title: `${clip(oneLine(title), 100)} (${scope})`,
          mimeType: 'text/markdown',
        })),
      }),
      complete: {
        note: async (typed) =>
          starting(
            typed,
            (await memory.list({ limit: COMPLETED_MAX })).map(({ noteId }) => noteId),
          ),
      },
    }),
    { title: 'Note', description: 'A note of long-term memory.', mimeType: 'text/markdown' },
    async (uri, { note }) => {
      const { markdown } = await found(uri, memory.show(String(note)))
      return { contents: [{ uri: uri.href, mimeType: 'text/markdown', text: markdown }] }
    },
  )
}

function starting(typed: string, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(typed)).slice(0, COMPLETED_MAX)
}

/** What is not there is told in the protocol's own way. */
async function found<T>(uri: URL, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (isFault(error) && error.code.endsWith('_not_found')) throw new ResourceNotFoundError(uri.href, error.message)
    throw error
  }
}
