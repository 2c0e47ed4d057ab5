import type {
  CallToolResult,
  McpServer,
  ServerContext,
  StandardSchemaWithJSON,
  ToolCallback,
} from '@modelcontextprotocol/server'
import type { OutsideToolForRun } from './context.ts'
import { clip } from './shapes.ts'

type Handler = (input: Record<string, unknown>, context: ServerContext) => Promise<CallToolResult>

/** Words of strangers are short: they stand among our own in every prompt. */
const DESCRIPTION_MAX = 2_000

/**
 * A tool of another server among a run's own. Its schema is passed on as that server wrote it and judged by that
 * server alone; that it only reads, or does no harm, is nobody's word here.
 */
export function addOutsideTool(server: McpServer, tool: OutsideToolForRun, handler: Handler): void {
  const config = {
    title: tool.title,
    description: clip(`[${tool.name.split('__')[0]}, a program outside Claw] ${tool.description}`, DESCRIPTION_MAX),
    inputSchema: asIs({ ...tool.inputSchema, type: 'object' }),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  }
  server.registerTool(tool.name, config, handler as unknown as ToolCallback<StandardSchemaWithJSON>)
}

function asIs(schema: Record<string, unknown>): StandardSchemaWithJSON {
  return {
    '~standard': {
      version: 1,
      vendor: 'claw',
      validate: (value) => ({ value: value ?? {} }),
      jsonSchema: { input: () => schema, output: () => schema },
    },
  }
}
