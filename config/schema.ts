/**
 * Everything an owner may change. Every key has a default and a sentence; an empty file is a whole
 * configuration. docs/CONFIG.md is generated from here.
 */
import { z } from 'zod'
import { Autonomy, Land } from '../core/goal.ts'
import { PermissionProfile } from '../core/permission.ts'
import { isReference, REFERENCE_WORDS } from '../core/secret-reference.ts'
import { ChannelConfig, ChatConfig } from './channels.ts'

/** An ACP program that Claw has no profile for. */
export const CustomAgent = z.strictObject({
  command: z.array(z.string()).min(1).describe('The program and its arguments; it must speak ACP on stdin and stdout.'),
  env: z.record(z.string(), z.string()).default({}).describe('Its environment, beside what Claw sets.'),
  apis: z
    .array(z.enum(['anthropic', 'openai-responses', 'openai-chat', 'google']))
    .default([])
    .describe('Model APIs it can be pointed at through its own variables.'),
  mode: z.string().nullable().default(null).describe('ACP session mode to set.'),
})

const commands = z.array(z.string().trim().min(1)).default([])

/** What the owner says about commands, by their first words. A refusal comes before a question before a yes. */
const COMMAND_RULES = {
  allow: commands.describe('Commands that run without you, by their first words: `npm test`.'),
  ask: commands.describe('Commands you are asked about, whatever else holds.'),
  deny: commands.describe('Commands that are refused, whatever else holds.'),
}

/** Permissions of one agent or of one repository. */
export const PermissionRules = z.strictObject({
  permissions: PermissionProfile.nullable()
    .default(null)
    .describe('How much may be done without you; null: as the next level says.'),
  ...COMMAND_RULES,
})

export const ModelConfig = z.strictObject({
  provider: z
    .enum(['anthropic', 'openai', 'openai-chat', 'google'])
    .describe(
      'Which API: Anthropic Messages, OpenAI Responses, OpenAI Chat Completions (any compatible server), Gemini.',
    ),
  model: z.string().min(1).describe('The model, in the provider’s spelling.'),
  baseUrl: z.string().url().nullable().default(null).describe('Another server than the provider’s own.'),
  key: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'Where the key is: `env:NAME`, `file:/path`, `keyring:service/account` or `systemd:NAME`. Null: the provider’s usual variable.',
    ),
})
export type ModelConfig = z.infer<typeof ModelConfig>

/** A server of models that the gateway forwards to. */
export const UpstreamConfig = z.strictObject({
  provider: ModelConfig.shape.provider,
  baseUrl: ModelConfig.shape.baseUrl,
  key: ModelConfig.shape.key,
  model: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('The model that agents are given; null: only models that are asked for by name, and fallbacks.'),
  models: z
    .record(z.string(), z.string())
    .default({})
    .describe('What a model that is asked for is called here; `*` stands for every other one.'),
  fallbacks: z
    .array(z.string())
    .default([])
    .describe('Upstreams that speak the same API and stand in while this one is paused or down, best first.'),
  parallelMax: z.int().min(1).max(1000).default(128).describe('Requests at the same time at most.'),
  streamUsage: z
    .boolean()
    .default(true)
    .describe('Whether its Chat Completions can be asked for the usage of a stream.'),
})
export type UpstreamConfig = z.infer<typeof UpstreamConfig>

const Verdict = z.enum(['allow', 'ask', 'deny'])

/** An MCP server of the owner's, in the shape that clients keep under `mcpServers`. */
export const McpServerConfig = z
  .strictObject({
    type: z
      .enum(['stdio', 'http', 'streamable-http', 'sse'])
      .optional()
      .describe('How it is spoken to; without it: by `command` or `url`.'),
    command: z.string().min(1).optional().describe('A program that speaks MCP on its standard streams.'),
    args: z.array(z.string()).default([]).describe('Its arguments.'),
    env: z
      .record(z.string(), z.string())
      .default({})
      // biome-ignore lint/suspicious/noTemplateCurlyInString: what stands in the file
      .describe('Its environment beside PATH and HOME. `env:NAME`, `file:/path` and `${NAME}` stand for secrets.'),
    cwd: z.string().optional().describe('Where it runs; default: the Claw home.'),
    url: z.string().min(1).optional().describe('Where a remote server is reached.'),
    headers: z
      .record(z.string(), z.string())
      .default({})
      // biome-ignore lint/suspicious/noTemplateCurlyInString: what stands in the file
      .describe('Sent with each request: `Authorization: Bearer ${NAME}`.'),
    oauth: z
      .strictObject({
        clientId: z.string().optional().describe('Where the server does not let clients register themselves.'),
        clientSecret: z.string().optional().describe('Its secret: `env:NAME` or `file:/path`.'),
        scope: z.string().optional().describe('What is asked for; default: what the server names.'),
      })
      .optional()
      .describe('Only where `claw tools login` needs to be told more than the server says.'),
    disabled: z.boolean().default(false).describe('Kept, and not used.'),
    brain: z.boolean().default(true).describe('Whether the brain may look things up with it while it plans.'),
    runs: z.boolean().default(false).describe('Whether agents at work get its tools, through Claw.'),
    tools: z
      .record(z.string(), Verdict)
      .default({})
      .describe('What becomes of a call, by the tool’s name or a pattern (`delete_*`); all others: ask.'),
    alwaysAllow: z.array(z.string()).default([]).describe('As other clients write it: tools that are allowed.'),
    autoApprove: z.array(z.string()).default([]).describe('The same, as yet others write it.'),
    timeoutSeconds: z.int().min(1).max(3600).default(60).describe('A call without an answer is given up after this.'),
    timeout: z.number().optional().describe('As other clients write it, in units of their own; not used here.'),
    description: z.string().optional().describe('A note of yours.'),
  })
  .refine(({ command, url }) => (command === undefined) !== (url === undefined), 'give either command or url')
  .refine(
    ({ command, type }) => type === undefined || (type === 'stdio') === (command !== undefined),
    'type does not fit',
  )
export type McpServerConfig = z.infer<typeof McpServerConfig>

const usdPerMillion = z.number().nonnegative()

/** What a model costs, in place of the price library's word. */
export const PriceConfig = z.strictObject({
  input: usdPerMillion.describe('USD per million tokens of input.'),
  output: usdPerMillion.describe('USD per million tokens of output.'),
  cachedInput: usdPerMillion.nullable().default(null).describe('Input read from the cache; null: as other input.'),
  cacheWrite: usdPerMillion.nullable().default(null).describe('Input written to the cache; null: as other input.'),
})
export type PriceConfig = z.infer<typeof PriceConfig>

const usdMax = z.number().positive().nullable().default(null)
const tokensMax = z.int().positive().nullable().default(null)

/** A host, or hosts, that a confined program may connect to. */
const HostPattern = z
  .string()
  .regex(
    /^(\[[0-9a-f:.]+\]|\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)(:\d{1,5})?$/i,
    'a host, `*.example.org`, an address, each with `:port` if need be, or `*`',
  )

/** Where package managers fetch from. */
const REGISTRIES = [
  'registry.npmjs.org',
  'registry.yarnpkg.com',
  'nodejs.org',
  'pypi.org',
  'files.pythonhosted.org',
  'proxy.golang.org',
  'sum.golang.org',
  'storage.googleapis.com',
  'index.crates.io',
  'static.crates.io',
  'crates.io',
  'static.rust-lang.org',
  'rubygems.org',
  'index.rubygems.org',
  'repo.maven.apache.org',
  'repo1.maven.org',
  'plugins.gradle.org',
  'plugins-artifacts.gradle.org',
  'services.gradle.org',
  'downloads.gradle.org',
  'github.com',
  'codeload.github.com',
  'objects.githubusercontent.com',
  'release-assets.githubusercontent.com',
]

export const Config = z.strictObject({
  http: z
    .strictObject({
      port: z
        .int()
        .min(0)
        .max(65535)
        .default(0)
        .describe('Port on 127.0.0.1; 0 takes a free one, written to daemon.json.'),
    })
    .prefault({}),
  runs: z
    .strictObject({
      max: z.int().min(1).max(64).default(4).describe('Agents working at the same time, over all goals.'),
      perRepositoryMax: z
        .int()
        .min(1)
        .max(64)
        .default(8)
        .describe('Agents working at the same time in one repository.'),
      silenceSeconds: z
        .int()
        .min(10)
        .max(86400)
        .default(600)
        .describe('A run that shows no progress for so long is stopped and tried again.'),
      memoryMaxMb: z
        .int()
        .min(64)
        .nullable()
        .default(null)
        .describe(
          'Memory of all processes of one run, check or set-up; more ends it. Null: three quarters of the machine’s.',
        ),
      processesMax: z
        .int()
        .min(16)
        .max(100_000)
        .default(1000)
        .describe('Processes of one run, check or set-up at the same time; more ends it.'),
      diskMaxMb: z
        .int()
        .min(16)
        .default(20_000)
        .describe(
          'What the folders of one run, check or set-up may hold, and the largest file it may write; more ends it.',
        ),
      outputMaxMb: z
        .int()
        .min(1)
        .max(100_000)
        .default(1000)
        .describe('What an agent may send in one session; more ends the run.'),
      softFailuresMax: z
        .int()
        .min(1)
        .max(50)
        .default(5)
        .describe('Failures in a row that do not count (transport, environment, conflicts) before the owner is asked.'),
    })
    .prefault({}),
  goals: z
    .strictObject({
      land: Land.default('branch').describe(
        'How results reach you: kept as a branch, fast-forwarded into the target, or as a pull request.',
      ),
      autonomy: Autonomy.default('ask-plan').describe(
        'When you are asked: before the work, before the landing, or only when something is wrong.',
      ),
      attemptsMax: z.int().min(1).max(20).default(4).describe('Failed attempts at a task before you are asked.'),
      minutesMax: z
        .number()
        .positive()
        .nullable()
        .default(null)
        .describe('Minutes of work per goal before you are asked.'),
      usdMax: usdMax.describe('US dollars per goal before you are asked.'),
      tokensMax: tokensMax.describe('Tokens per goal, read and written, before you are asked.'),
    })
    .prefault({}),
  agents: z
    .strictObject({
      default: z
        .string()
        .nullable()
        .default(null)
        .describe('The agent to use; null takes the first that is installed and has a model or login.'),
      order: z
        .array(z.string())
        .default(['claude', 'codex', 'goose', 'pi', 'opencode', 'gemini', 'qwen', 'copilot'])
        .describe(
          'Preference among installed agents, when none is named; also the order in which another one is tried.',
        ),
      perAgentMax: z
        .record(z.string(), z.int().min(1))
        .default({})
        .describe('At most so many runs of one agent at the same time.'),
      custom: z.record(z.string(), CustomAgent).default({}).describe('Other ACP programs by a name of yours.'),
      permissions: PermissionProfile.default('edit+commands').describe(
        'What agents may do without you: only read; edit in their worktree and run listed commands; run any command whose effects the sandbox keeps inside; anything the sandbox lets them.',
      ),
      allowCommands: z
        .array(z.string())
        .default([])
        .describe('Commands that an agent that asks may run without you, by their first words: `npm test`.'),
    })
    .prefault({}),
  model: ModelConfig.nullable()
    .default(null)
    .describe('The model for agents that take one; null: from the keys in the environment.'),
  brain: z
    .strictObject({
      model: ModelConfig.nullable()
        .default(null)
        .describe('The model that plans and reviews; null: the same as `model`.'),
      agent: z
        .string()
        .nullable()
        .default(null)
        .describe('An installed agent as the brain, when you have a subscription and no key.'),
      review: z.boolean().default(true).describe('Whether a fresh model reads each change besides the checks.'),
    })
    .prefault({}),
  memory: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether notes are kept, recalled, and given to plans and agents.'),
      learn: z
        .boolean()
        .default(true)
        .describe('Whether what a goal taught is written down when it ends: set-up, flaky checks, lessons.'),
      folder: z
        .string()
        .regex(/^(\/|~\/)/, 'an absolute path, or one that starts with ~/')
        .nullable()
        .default(null)
        .describe('Where your notes lie, a folder of Markdown; null: `notes` in the Claw home.'),
      model: z
        .string()
        .min(1)
        .nullable()
        .default('Xenova/all-MiniLM-L6-v2')
        .describe(
          'The embedding model: a folder that holds it, or its name on the hub; null: recall goes by words alone.',
        ),
      dtype: z.enum(['fp32', 'fp16', 'q8', 'q4']).default('q8').describe('The precision of the model’s weights.'),
      download: z
        .boolean()
        .default(false)
        .describe('Whether the model is fetched by itself, once, when it is nowhere on this machine.'),
      hubUrl: z.string().url().nullable().default(null).describe('Another place to fetch it from than huggingface.co.'),
      endpoint: z
        .strictObject({
          url: z.string().url().describe('Up to and without `/embeddings`; what is embedded is sent there.'),
          model: z.string().min(1).describe('The model, in the endpoint’s spelling.'),
          key: z.string().nullable().default(null).describe('Where the key is: `env:NAME` or `file:/path`.'),
        })
        .nullable()
        .default(null)
        .describe('An OpenAI-compatible server of embeddings, in place of a model on this machine.'),
      weight: z
        .number()
        .min(0)
        .max(2)
        .nullable()
        .default(null)
        .describe('How much vectors count beside words; null: what was measured for the model.'),
      threads: z.int().min(1).max(64).default(2).describe('Threads that the model may use.'),
      index: z
        .enum(['auto', 'lance', 'sqlite'])
        .default('auto')
        .describe('What the notes are searched with; auto: LanceDB where it works, else SQLite, which has no vectors.'),
      idleSeconds: z
        .int()
        .min(1)
        .max(86_400)
        .default(20)
        .describe('Index and model are let go of when nobody asked for so long.'),
      indexMaxMb: z
        .int()
        .positive()
        .nullable()
        .default(null)
        .describe('An index that is larger is complained about; null: in proportion to the notes.'),
      profileTokensMax: z
        .int()
        .min(100)
        .max(50_000)
        .default(2_000)
        .describe('Room for your standing preferences, which are always given; what does not fit is named.'),
      planTokensMax: z.int().min(0).max(50_000).default(3_000).describe('Room for what is recalled for a plan.'),
      runTokensMax: z.int().min(0).max(50_000).default(1_200).describe('Room for what is recalled for an agent.'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      dayUsdMax: usdMax.describe('US dollars per day, over all goals, before you are asked.'),
      dayTokensMax: tokensMax.describe('Tokens per day, over all goals, before you are asked.'),
      totalUsdMax: usdMax.describe('US dollars since this Claw home was made, before you are asked.'),
      totalTokensMax: tokensMax.describe('Tokens since this Claw home was made, before you are asked.'),
      noticePercent: z
        .int()
        .min(1)
        .max(99)
        .default(80)
        .describe('How much of a limit in money or tokens is used when it is said.'),
    })
    .prefault({}),
  gateway: z
    .strictObject({
      port: z.int().min(0).max(65535).default(0).describe('Port on 127.0.0.1 for agents’ models; 0 takes a free one.'),
      holdSeconds: z
        .int()
        .min(0)
        .max(600)
        .default(60)
        .describe('A request waits so long for a provider that limits us, before the agent is told.'),
      bodyMaxMb: z.int().min(1).max(512).default(64).describe('The largest request that is forwarded.'),
      traces: z.boolean().default(false).describe('Whether to keep what was asked and answered, without keys.'),
      traceMaxKb: z.int().min(1).max(100_000).default(256).describe('What is kept of one request and of one answer.'),
    })
    .prefault({}),
  upstreams: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'lower-case letters, digits and dashes'), UpstreamConfig)
    .default({})
    .describe('Servers of models by names of yours; none: from `model`, else from the keys in the environment.'),
  prices: z
    .record(z.string(), PriceConfig)
    .default({})
    .describe('Prices by a model’s name, where the price library has none or yours differ.'),
  mcp: z
    .strictObject({
      servers: z
        .record(z.string().regex(/^[\w@./ -]{1,64}$/, 'letters, digits, `_`, `-`, `.`, `/`, `@`'), McpServerConfig)
        .default({})
        .describe(
          'MCP servers whose tools Claw may use, by names of yours. `mcpServers` at the top of this file is read as well, as other clients write it.',
        ),
      resultMaxKb: z.int().min(1).max(1024).default(64).describe('What a model gets of one tool’s answer.'),
    })
    .prefault({}),
  policy: z
    .strictObject({
      ...COMMAND_RULES,
      agents: z.record(z.string(), PermissionRules).default({}).describe('Permissions by agent.'),
      repositories: z
        .record(z.string(), PermissionRules)
        .default({})
        .describe('Permissions by repository: its path or address. They come before an agent’s.'),
    })
    .prefault({}),
  credentials: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'lower-case letters, digits and dashes'),
      z.string().refine(isReference, `write where the secret lies: ${REFERENCE_WORDS}`),
    )
    .default({})
    .describe(
      'Secrets that tasks may ask for, by names of yours: `deploy: env:DEPLOY_TOKEN`. A run is given one only if its plan names it and you agree.',
    ),
  desktop: z
    .strictObject({
      stayAwake: z
        .boolean()
        .default(true)
        .describe('Whether the machine is kept from sleeping while work is under way.'),
      notices: z
        .boolean()
        .default(true)
        .describe(
          'Whether the screen says that something waits for you or a goal has ended, where no channel has told.',
        ),
    })
    .prefault({}),
  channels: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'lower-case letters, digits and dashes'), ChannelConfig)
    .default({})
    .describe('Where people talk to Claw, by names of yours; `claw channel add` writes them.'),
  chat: ChatConfig.prefault({}),
  sandbox: z
    .strictObject({
      kind: z
        .enum(['auto', 'bubblewrap', 'none'])
        .default('auto')
        .describe(
          'auto: the best that works here, and where none does you are asked once per repository; none: you accept that agents see what you see, everywhere.',
        ),
      hosts: z
        .array(HostPattern)
        .default([])
        .describe(
          'Hosts that agents, and checks and set-up with network, may connect to: `example.org`, `*.example.org`, either with `:port`, `*`. You are asked about any other.',
        ),
      setupHosts: z
        .array(HostPattern)
        .default(REGISTRIES)
        .describe('Hosts that only set-up commands may connect to besides: package registries.'),
      deniedHosts: z
        .array(HostPattern)
        .default([])
        .describe('Hosts that nothing confined ever connects to, whatever else says so; you are not asked.'),
      askSeconds: z
        .int()
        .min(0)
        .max(3600)
        .default(300)
        .describe('A connection to an unknown host waits so long for your answer, then it is refused.'),
    })
    .prefault({}),
  checks: z
    .strictObject({
      outputMaxMb: z
        .int()
        .min(1)
        .max(10_000)
        .default(100)
        .describe('Output of one check that is kept; more ends the check.'),
      parallelMax: z.int().min(1).max(64).default(2).describe('Verifications at the same time.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('How much is logged.'),
      fileMaxMb: z
        .number()
        .min(0.01)
        .max(10_000)
        .default(10)
        .describe('A log file that has grown to this is put aside.'),
      files: z.int().min(1).max(1000).default(5).describe('Log files that are kept, the present one among them.'),
    })
    .prefault({}),
  backup: z
    .strictObject({
      daily: z.boolean().default(true).describe('Whether a backup is made each day on which something happened.'),
      keep: z.int().min(1).max(1000).default(7).describe('Daily backups that are kept.'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      chatterDays: z
        .int()
        .min(1)
        .max(36_500)
        .default(14)
        .describe('What agents said while they worked is kept so long; goals under way keep all.'),
      eventDays: z
        .int()
        .min(1)
        .max(36_500)
        .default(180)
        .describe('Events are kept so long. Goals, proofs, landings and reports stay for good.'),
      spendDays: z
        .int()
        .min(1)
        .max(36_500)
        .default(60)
        .describe('Requests to models are kept one by one so long; then one row stands for those of a run. Sums stay.'),
      runDays: z
        .int()
        .min(1)
        .max(36_500)
        .default(30)
        .describe('Raw wires of agents and whole outputs of checks are kept so long after the work has ended.'),
      diskMaxGb: z
        .number()
        .positive()
        .default(20)
        .describe('Above this the oldest wires, outputs and dependency folders go earlier; never what holds work.'),
    })
    .prefault({}),
  telemetry: z
    .strictObject({
      otlp: z
        .strictObject({
          endpoint: z
            .string()
            .url()
            .nullable()
            .default(null)
            .describe('Where traces go (OTLP over HTTP), such as `http://127.0.0.1:4318`; null: nowhere.'),
          headers: z
            .record(z.string(), z.string())
            .default({})
            .describe(
              'Headers for it; a value that is a reference (`env:NAME`, `file:/path` …) stands for the secret.',
            ),
        })
        .prefault({}),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Whether /metrics answers (Prometheus; it wants the token too).'),
    })
    .prefault({}),
})
export type Config = z.infer<typeof Config>
