import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { Fault, nearest } from '../../core/fault.ts'
import { type Recipe, SETUP_SECONDS } from './recipe.ts'

export const CLAW_YAML = 'claw.yaml'

const RelativePath = z
  .string()
  .min(1)
  .max(400)
  .refine((path) => !path.startsWith('/') && !path.split(/[\\/]/).includes('..'), 'a path inside the repository')

const Command = z.string().min(1).max(4000)

/** `claw.yaml` at the top of a repository. Every key may be left out; what is left out is inferred. */
export const ClawYaml = z.strictObject({
  setup: z
    .array(
      z.union([
        Command,
        z.strictObject({
          command: Command,
          network: z.boolean().optional(),
          timeoutSeconds: z.int().min(1).max(3600).optional(),
        }),
      ]),
    )
    .max(20)
    .optional()
    .describe('Commands that make a fresh checkout ready, in order. An empty list: nothing is needed'),
  network: z.boolean().default(true).describe('Whether the set-up commands may use the network'),
  checks: z
    .record(z.string().min(1).max(120), Command)
    .default({})
    .describe('Named commands that say whether the repository is in order; the planner is told of them'),
  envFiles: z
    .array(RelativePath)
    .max(50)
    .default([])
    .describe('Files that git ignores and that are copied from your checkout (.env.test)'),
  sharedPaths: z.array(z.string()).max(50).default([]).describe('Globs that several tasks may change side by side'),
  dependencyFolders: z
    .array(RelativePath)
    .max(50)
    .optional()
    .describe('Folders that set-up fills; they are built once and copied'),
  cacheKeyFiles: z
    .array(RelativePath)
    .max(50)
    .optional()
    .describe('Files that decide what set-up gives; a change in one runs it again'),
  protectedFiles: z
    .array(z.string())
    .max(50)
    .default([])
    .describe('Globs of files that say how checks run; they are taken from the base when work is verified'),
})
export type ClawYaml = z.infer<typeof ClawYaml>

/** Throws config_invalid with the key and the nearest one that exists. */
export function parseClawYaml(text: string): ClawYaml {
  let value: unknown
  try {
    value = parse(text) ?? {}
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause
    throw new Fault('config_invalid', `claw.yaml cannot be read: ${cause.message}`, { cause })
  }
  const read = ClawYaml.safeParse(value)
  if (read.success) return read.data
  const words = read.error.issues.map((issue) => {
    const where = issue.path.join('.')
    if (issue.code !== 'unrecognized_keys') return `${where || 'the file'}: ${issue.message}`
    return issue.keys
      .map((key) => {
        const meant = nearest(key, Object.keys(ClawYaml.shape))
        return `there is no key ${[...issue.path, key].join('.')}${meant ? `; did you mean ${meant}?` : ''}`
      })
      .join('; ')
  })
  throw new Fault('config_invalid', `claw.yaml: ${words.join('; ')}`, { hint: 'Mend claw.yaml and commit it' })
}

/** What the owner wrote wins, key by key, over what the files suggest. Pure. */
export function mergeRecipe(inferred: Recipe, yaml: ClawYaml | undefined): Recipe {
  if (!yaml) return inferred
  const checks = Object.entries(yaml.checks).map(([name, command]) => ({ name, command }))
  return {
    ...inferred,
    source: 'claw.yaml',
    setup:
      yaml.setup?.map((step) => ({
        command: typeof step === 'string' ? step : step.command,
        network: (typeof step === 'string' ? undefined : step.network) ?? yaml.network,
        timeoutSeconds: (typeof step === 'string' ? undefined : step.timeoutSeconds) ?? SETUP_SECONDS,
      })) ?? inferred.setup.map((step) => ({ ...step, network: step.network && yaml.network })),
    envFiles: yaml.envFiles,
    suggestedChecks: checks.length > 0 ? checks : inferred.suggestedChecks,
    sharedPaths: [...new Set([...inferred.sharedPaths, ...yaml.sharedPaths])],
    dependencyFolders: yaml.dependencyFolders ?? inferred.dependencyFolders,
    cacheKeyFiles: yaml.cacheKeyFiles ?? inferred.cacheKeyFiles,
    protectedFiles: yaml.protectedFiles,
  }
}
