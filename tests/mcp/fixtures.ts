/** What the conformance suite looks for by name; its own description of each scenario says what that has to do. */
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  completable,
  inputRequired,
  type McpServer,
  type RequestStateCodec,
  ResourceTemplate,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA='
const nothing = z.object({})

const text = (words: string) => ({ content: [{ type: 'text' as const, text: words }] })
const image = { type: 'image' as const, data: PNG, mimeType: 'image/png' }
const soon = () => new Promise((resolve) => setTimeout(resolve, 50))

export function addFixtures(server: McpServer, state: RequestStateCodec): void {
  addContent(server)
  addPushed(server)
  addRounds(server, state)
  addReadable(server)
  server.server.registerCapabilities({ logging: {}, resources: { subscribe: true } })
  for (const method of ['resources/subscribe', 'resources/unsubscribe'] as const) {
    server.server.setRequestHandler(method, async () => ({}))
  }
}

function addContent(server: McpServer): void {
  const tool = (name: string, answer: object) =>
    server.registerTool(name, { description: name, inputSchema: nothing }, async () => answer as never)
  tool('test_simple_text', text('This is a simple text response for testing.'))
  tool('test_image_content', { content: [image] })
  tool('test_audio_content', { content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] })
  const resource = {
    uri: 'test://embedded-resource',
    mimeType: 'text/plain',
    text: 'This is an embedded resource content.',
  }
  tool('test_embedded_resource', { content: [{ type: 'resource', resource }] })
  tool('test_multiple_content_types', {
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      image,
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
    ],
  })
  server.registerTool('test_error_handling', { description: 'fails', inputSchema: nothing }, async () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
}

/** Sent by the server of its own accord while a call runs. */
function addPushed(server: McpServer): void {
  server.registerTool(
    'test_tool_with_progress',
    { description: 'progress', inputSchema: nothing },
    async (_, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined) {
          await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
        }
        await soon()
      }
      return text('done')
    },
  )
  server.registerTool(
    'test_tool_with_logging',
    { description: 'logs', inputSchema: nothing },
    async (_, { mcpReq }) => {
      for (const words of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await mcpReq.log('info', words)
        await soon()
      }
      return text('done')
    },
  )
  server.registerTool(
    'test_sampling',
    { description: 'samples', inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, { mcpReq }) => {
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }]
      return text(`LLM response: ${JSON.stringify(await mcpReq.requestSampling({ messages, maxTokens: 100 }))}`)
    },
  )
  server.registerTool('test_logging_tool', { description: 'logs', inputSchema: nothing }, async (_, { mcpReq }) => {
    await mcpReq.log('info', 'said')
    return text('done')
  })
  const elicit = (name: string, form: object) =>
    server.registerTool(
      name,
      { description: name, inputSchema: z.object({ message: z.string().default('Please') }) },
      async ({ message }, { mcpReq }) => {
        const { action, content } = await mcpReq.elicitInput({ mode: 'form', message, requestedSchema: form as never })
        return text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`)
      },
    )
  const field = { type: 'string', description: 'what you say' }
  elicit('test_elicitation', {
    type: 'object',
    properties: { username: field, email: field },
    required: ['username', 'email'],
  })
  elicit('test_elicitation_sep1034_defaults', {
    type: 'object',
    properties: {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    },
  })
  const three = ['option1', 'option2', 'option3']
  const titled = [1, 2, 3].map((n) => ({ const: `value${n}`, title: `Option ${n}` }))
  elicit('test_elicitation_sep1330_enums', {
    type: 'object',
    properties: {
      untitledSingle: { type: 'string', enum: three },
      titledSingle: { type: 'string', oneOf: titled },
      legacyEnum: {
        type: 'string',
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
      },
      untitledMulti: { type: 'array', items: { type: 'string', enum: three } },
      titledMulti: { type: 'array', items: { anyOf: titled } },
    },
  })
}

const NAME = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } as const

/** Calls of several rounds: what the server wants to know comes back with the same call. */
function addRounds(server: McpServer, state: RequestStateCodec): void {
  const rounds = (name: string, run: (context: ServerContext) => Promise<object>) =>
    server.registerTool(
      name,
      { description: name, inputSchema: nothing },
      async (_, context) => (await run(context)) as never,
    )
  const ask = (message: string, requestedSchema: object = NAME) =>
    inputRequired.elicit({ message, requestedSchema: requestedSchema as never })
  const sample = (words: string) =>
    inputRequired.createMessage({
      messages: [{ role: 'user', content: { type: 'text', text: words } }],
      maxTokens: 100,
    })
  const given = ({ mcpReq }: ServerContext, key: string) => mcpReq.inputResponses?.[key]

  rounds('test_input_required_result_elicitation', async (context) => {
    const said = acceptedContent(context.mcpReq.inputResponses, 'user_name', z.object({ name: z.string() }))
    return said
      ? text(`Hello, ${said.name}!`)
      : inputRequired({ inputRequests: { user_name: ask('What is your name?') } })
  })
  rounds('test_input_required_result_sampling', async (context) => {
    const said = given(context, 'capital_question')
    return said
      ? text(JSON.stringify(said))
      : inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?') } })
  })
  rounds('test_input_required_result_list_roots', async (context) => {
    const said = given(context, 'client_roots')
    return said
      ? text(JSON.stringify(said))
      : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
  })
  const confirm = ask('Please confirm', { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] })
  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state']) {
    rounds(name, async (context) =>
      given(context, 'confirm') && context.mcpReq.requestState() !== undefined
        ? text('state-ok')
        : inputRequired({ inputRequests: { confirm }, requestState: await state.mint({ round: 1 }, context) }),
    )
  }
  rounds('test_input_required_result_multiple_inputs', async (context) => {
    const keys = ['user_name', 'greeting', 'client_roots']
    if (keys.every((key) => given(context, key) !== undefined))
      return text(JSON.stringify(context.mcpReq.inputResponses))
    return inputRequired({
      inputRequests: {
        user_name: ask('What is your name?'),
        greeting: sample('Generate a greeting'),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await state.mint({ round: 1 }, context),
    })
  })
  rounds('test_input_required_result_multi_round', async (context) => {
    const { round = 0 } = (context.mcpReq.requestState() as unknown as { round?: number } | undefined) ?? {}
    if (round === 2 && given(context, 'step2')) return text('Both steps are done')
    const next = round === 1 && given(context, 'step1') ? 2 : 1
    const step =
      next === 1
        ? { step1: ask('Step 1: What is your name?') }
        : {
            step2: ask('Step 2: What is your favorite color?', {
              type: 'object',
              properties: { color: { type: 'string' } },
              required: ['color'],
            }),
          }
    return inputRequired({ inputRequests: step, requestState: await state.mint({ round: next }, context) })
  })
  rounds('test_missing_capability', async () => inputRequired({ inputRequests: { words: sample('Say something') } }))
  rounds('test_streaming_elicitation', async (context) =>
    given(context, 'name') ? text('thanks') : inputRequired({ inputRequests: { name: ask('What is your name?') } }),
  )
  rounds('test_input_required_result_capabilities', async (context) => {
    if (context.mcpReq.inputResponses) return text('thanks')
    const { sampling, elicitation } = capabilities(context)
    const inputRequests = {
      ...(sampling ? { greeting: sample('Generate a greeting') } : {}),
      ...(elicitation ? { user_name: ask('What is your name?') } : {}),
    }
    return Object.keys(inputRequests).length > 0 ? inputRequired({ inputRequests }) : text('nothing to ask with')
  })
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'asks first' },
    async (context: ServerContext) => {
      const said = acceptedContent(context.mcpReq.inputResponses, 'user_context', z.object({ context: z.string() }))
      if (said) return { messages: [{ role: 'user' as const, content: { type: 'text' as const, text: said.context } }] }
      const form = { type: 'object', properties: { context: { type: 'string' } }, required: ['context'] }
      return inputRequired({ inputRequests: { user_context: ask('What context should the prompt use?', form) } })
    },
  )
}

function addReadable(server: McpServer): void {
  const fixed = (uri: string, mimeType: string, content: object) =>
    server.registerResource(uri, uri, { mimeType, description: uri }, async () => ({
      contents: [{ uri, mimeType, ...content } as never],
    }))
  fixed('test://static-text', 'text/plain', { text: 'This is the content of the static text resource.' })
  fixed('test://static-binary', 'image/png', { blob: PNG })
  fixed('test://watched-resource', 'text/plain', { text: 'Watched resource content' })
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { mimeType: 'application/json' },
    async (uri, { id }) => ({
      contents: [
        {
          uri: uri.href,
          mimeType: 'application/json',
          text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
        },
      ],
    }),
  )
  const user = (content: object) => ({ role: 'user' as const, content: content as never })
  server.registerPrompt('test_simple_prompt', { description: 'simple' }, () => ({
    messages: [user({ type: 'text', text: 'This is a simple prompt for testing.' })],
  }))
  const some = (words: string) =>
    completable(z.string().describe(words), (typed) =>
      ['paris', 'park', 'party'].filter((word) => word.startsWith(typed)),
    )
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'arguments',
      argsSchema: z.object({ arg1: some('First test argument'), arg2: some('Second test argument') }),
    },
    ({ arg1, arg2 }) => ({
      messages: [user({ type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` })],
    }),
  )
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'resource', argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri }) => ({
      messages: [
        user({
          type: 'resource',
          resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        }),
        user({ type: 'text', text: 'Please process the embedded resource above.' }),
      ],
    }),
  )
  server.registerPrompt('test_prompt_with_image', { description: 'image' }, () => ({
    messages: [user(image), user({ type: 'text', text: 'Please analyze the image above.' })],
  }))
}

function capabilities({ mcpReq }: ServerContext): ClientCapabilities {
  const envelope = mcpReq.envelope as { [CLIENT_CAPABILITIES_META_KEY]?: ClientCapabilities } | undefined
  return envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {}
}
