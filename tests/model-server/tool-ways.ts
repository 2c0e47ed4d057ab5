import { posix } from 'node:path'
import { workingDirectory } from './conversation.ts'
import type { ModelRequest, OfferedTool, Step } from './exchange.ts'
import { at } from './peek.ts'

/**
 * How each agent wants a file written, edited or read and a command run, as data.
 *
 * A way is taken when the request offers its tool and that tool's schema has the properties it
 * fills in, so a row needs no agent's name or version: it is there to say who was seen with it.
 * Rows stand in the order they are tried; the shell is the way that nearly everybody has.
 */
interface Way<Work> {
  /** Who was seen offering it. */
  seen: string
  tool: string
  /** Properties its schema must have; none for free-form tools. */
  has: readonly string[]
  /** `full` makes a path absolute. Undefined: this way cannot do this piece of work. */
  args(work: Work, full: (path: string) => string): unknown
}

interface WriteWork {
  path: string
  content: string
}
interface EditWork {
  path: string
  find: string
  replace: string
}

const WRITE: readonly Way<WriteWork>[] = [
  {
    seen: 'pi, goose (both make the folders)',
    tool: 'write',
    has: ['path', 'content'],
    args: ({ path, content }) => ({ path, content }),
  },
  {
    seen: 'Claude (absolute paths only)',
    tool: 'Write',
    has: ['file_path', 'content'],
    args: ({ path, content }, full) => ({ file_path: full(path), content }),
  },
  {
    seen: 'Gemini, Qwen (absolute paths only)',
    tool: 'write_file',
    has: ['file_path', 'content'],
    args: ({ path, content }, full) => ({ file_path: full(path), content }),
  },
  {
    seen: 'OpenCode',
    tool: 'write',
    has: ['filePath', 'content'],
    args: ({ path, content }, full) => ({ filePath: full(path), content }),
  },
  // Not here on purpose. Codex 0.166 offers neither apply_patch nor a write tool for a model it does not know: the shell.
  // Copilot's `create` wants the folder to be there and the file not to be: the shell does both.
]

const EDIT: readonly Way<EditWork>[] = [
  {
    seen: 'pi 0.87',
    tool: 'edit',
    has: ['path', 'edits'],
    args: ({ path, find, replace }) => ({ path, edits: [{ oldText: find, newText: replace }] }),
  },
  {
    seen: 'older pi',
    tool: 'edit',
    has: ['path', 'oldText', 'newText'],
    args: ({ path, find, replace }) => ({ path, oldText: find, newText: replace }),
  },
  {
    seen: 'goose',
    tool: 'edit',
    has: ['path', 'before', 'after'],
    args: ({ path, find, replace }) => ({ path, before: find, after: replace }),
  },
  {
    seen: 'Gemini',
    tool: 'replace',
    has: ['file_path', 'old_string', 'new_string'],
    args: ({ path, find, replace }, full) => ({
      file_path: full(path),
      instruction: 'Replace the text.',
      old_string: find,
      new_string: replace,
    }),
  },
  {
    seen: 'Qwen',
    tool: 'edit',
    has: ['file_path', 'old_string', 'new_string'],
    args: ({ path, find, replace }, full) => ({ file_path: full(path), old_string: find, new_string: replace }),
  },
  {
    seen: 'OpenCode',
    tool: 'edit',
    has: ['filePath', 'oldString', 'newString'],
    args: ({ path, find, replace }, full) => ({ filePath: full(path), oldString: find, newString: replace }),
  },
  {
    seen: 'Copilot',
    tool: 'edit',
    has: ['path', 'old_str', 'new_str'],
    args: ({ path, find, replace }, full) => ({ path: full(path), old_str: find, new_str: replace }),
  },
]

const READ: readonly Way<string>[] = [
  { seen: 'pi', tool: 'read', has: ['path'], args: (path) => ({ path }) },
  { seen: 'Claude', tool: 'Read', has: ['file_path'], args: (path, full) => ({ file_path: full(path) }) },
  { seen: 'Gemini, Qwen', tool: 'read_file', has: ['file_path'], args: (path, full) => ({ file_path: full(path) }) },
  { seen: 'OpenCode', tool: 'read', has: ['filePath'], args: (path, full) => ({ filePath: full(path) }) },
  { seen: 'Copilot', tool: 'view', has: ['path'], args: (path, full) => ({ path: full(path) }) },
]

const RUN: readonly Way<string>[] = [
  {
    seen: 'Copilot (the description is required)',
    tool: 'bash',
    has: ['command', 'description'],
    args: (command) => ({ command, description: 'Run it' }),
  },
  { seen: 'pi, OpenCode', tool: 'bash', has: ['command'], args: (command) => ({ command }) },
  { seen: 'Claude', tool: 'Bash', has: ['command'], args: (command) => ({ command, description: 'Run it' }) },
  { seen: 'goose', tool: 'shell', has: ['command'], args: (command) => ({ command }) },
  {
    seen: 'Gemini, Qwen',
    tool: 'run_shell_command',
    has: ['command'],
    args: (command) => ({ command, description: 'Run it', is_background: false }),
  },
  { seen: 'Codex 0.166', tool: 'exec_command', has: ['cmd'], args: (cmd) => ({ cmd }) },
  { seen: 'older Codex', tool: 'shell_command', has: ['command'], args: (command) => ({ command }) },
]

export interface PlannedCall {
  name: string
  namespace?: string
  args: unknown
  freeForm: boolean
}

/** A script asked for something that the caller has no tool for: the test is wrong, and hears about it. */
export class NoWayError extends Error {
  constructor(wanted: string, tools: readonly OfferedTool[]) {
    const offered = tools.map((tool) => tool.name).join(', ') || 'none'
    super(`the script wants to ${wanted}, but no offered tool can; offered: ${offered}`)
  }
}

/** Translates a step into a call of a tool that this request offers. */
export function planCall(step: Exclude<Step, { say: string }>, request: ModelRequest): PlannedCall {
  const { tools } = request
  const full = (path: string) => {
    if (posix.isAbsolute(path)) return path
    const cwd = workingDirectory(request)
    if (cwd === undefined)
      throw new NoWayError(`find the absolute path of ${path} (no working directory is told)`, tools)
    return posix.join(cwd, path)
  }
  if ('tool' in step) {
    const tool = tools.find((offered) => offered.name === step.tool.name) ?? tools.find(endsWith(step.tool.name))
    if (!tool) throw new NoWayError(`call ${step.tool.name}`, tools)
    return callOf(tool, step.tool.args)
  }
  const found =
    'write' in step
      ? (take(WRITE, step.write, tools, full) ?? take(RUN, shellWrite(step.write), tools, full))
      : 'edit' in step
        ? (take(EDIT, step.edit, tools, full) ?? take(RUN, shellEdit(step.edit), tools, full))
        : 'read' in step
          ? (take(READ, step.read, tools, full) ?? take(RUN, `cat ${quoted(step.read)}`, tools, full))
          : take(RUN, step.run, tools, full)
  if (!found) throw new NoWayError(Object.keys(step).join(), tools)
  return found
}

function take<Work>(
  ways: readonly Way<Work>[],
  work: Work,
  tools: readonly OfferedTool[],
  full: (path: string) => string,
): PlannedCall | undefined {
  for (const way of ways) {
    const tool = tools.find((offered) => isNamed(offered, way.tool) && hasAll(offered, way.has))
    const args = tool && way.args(work, full)
    if (tool && args !== undefined) return callOf(tool, args)
  }
  return undefined
}

const callOf = ({ name, namespace, freeForm }: OfferedTool, args: unknown): PlannedCall => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  args,
  freeForm: freeForm === true,
})

/** goose puts its extension's name in front of a tool's; an MCP server of that name would be mistaken for it. */
function isNamed({ name }: OfferedTool, wanted: string): boolean {
  return name === wanted || name === `developer__${wanted}`
}

function hasAll({ schema }: OfferedTool, properties: readonly string[]): boolean {
  return properties.every((property) => at(schema, 'properties', property) !== undefined)
}

/** `mcp__claw__recall` (Claude, Codex, pi), `claw__recall` (goose), `claw_recall` (OpenCode), `mcp_claw_recall` (Gemini). */
function endsWith(wanted: string): (tool: OfferedTool) => boolean {
  return ({ name }) => name.endsWith(wanted) && /[_.:/-]/.test(name.at(-wanted.length - 1) ?? '')
}

/** printf, because a here-document always ends with a newline and the content may not. */
function shellWrite({ path, content }: WriteWork): string {
  return `mkdir -p ${quoted(posix.dirname(path))} && printf %s ${quoted(content)} > ${quoted(path)}`
}

/** Perl is there wherever git is, and replaces text over several lines. It fails when there is nothing to replace. */
function shellEdit({ path, find, replace }: EditWork): string {
  const program = '$n = s/\\Q$ENV{FIND}\\E/$ENV{REPLACE}/; die "not found" unless $n'
  return `FIND=${quoted(find)} REPLACE=${quoted(replace)} perl -0777 -pi -e ${quoted(program)} ${quoted(path)}`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
