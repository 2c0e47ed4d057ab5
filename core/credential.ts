import { z } from 'zod'

/** Variables that decide which programs run, or what they load, or where a model is asked: no credential goes there. */
const RESERVED =
  /^(PATH|HOME|SHELL|TMPDIR|USER|LOGNAME|ENV|BASH_ENV|IFS|PS4|PROMPT_COMMAND|LD_.*|DYLD_.*|NODE_.*|npm_.*|NPM_CONFIG_.*|PYTHON.*|PERL5.*|RUBY.*|JAVA_TOOL_OPTIONS|GIT_.*|SSH_ASKPASS|EDITOR|VISUAL|PAGER|CLAW_.*|.*_BASE_URL|.*_PROXY)$/i

/** A secret that a task wants to be given. It names where the secret lies, never the secret. */
export const PlannedCredential = z.object({
  /** A name from `credentials` in the configuration, or a reference: `env:NAME`, `file:/path` … */
  secret: z.string().min(1).max(500),
  /** The variable that the run finds it in. */
  variable: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,79}$/, 'capitals, digits and underscores')
    .refine((name) => !RESERVED.test(name), 'a variable that programs are steered by; choose another'),
  /** variable: the value itself; file: the path of a private file that holds it. */
  as: z.enum(['variable', 'file']).default('variable'),
})
export type PlannedCredential = z.infer<typeof PlannedCredential>
