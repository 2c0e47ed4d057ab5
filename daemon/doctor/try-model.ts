import { SECOND } from '../../core/clock.ts'
import type { Finding } from '../../core/finding.ts'
import type { ModelAccess } from '../agents/agent.ts'
import { withVersion } from '../agents/profiles/model-url.ts'

const LIMIT_MS = 15 * SECOND

/** Asks the provider for its list of models: it shows that server and key are good, and costs no token. */
export async function tryModel({ api, baseUrl, key, model }: ModelAccess): Promise<Finding> {
  const what = `model ${model}`
  const { url, headers } = {
    anthropic: {
      url: `${withVersion(baseUrl, 'v1')}/models`,
      headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
    },
    'openai-responses': { url: `${withVersion(baseUrl, 'v1')}/models`, headers: { authorization: `Bearer ${key}` } },
    'openai-chat': { url: `${withVersion(baseUrl, 'v1')}/models`, headers: { authorization: `Bearer ${key}` } },
    google: { url: `${withVersion(baseUrl, 'v1beta')}/models`, headers: { 'x-goog-api-key': key } },
  }[api] as { url: string; headers: Record<string, string> }
  try {
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(LIMIT_MS) })
    await response.body?.cancel()
    if (response.ok) return { what, level: 'ok', words: `${new URL(baseUrl).host} answers and takes the key` }
    if (response.status === 401 || response.status === 403) {
      return {
        what,
        level: 'fail',
        words: `${url} refuses the key (${response.status})`,
        mend: 'Set a key that is valid.',
      }
    }
    // Not every server lists its models; it answers, which is what was asked.
    if (response.status === 404 || response.status === 405) {
      return { what, level: 'ok', words: `${new URL(baseUrl).host} answers, but does not list its models` }
    }
    return {
      what,
      level: 'warn',
      words: `${url} answers with ${response.status}`,
      mend: 'Try again; look at its status page.',
    }
  } catch (error) {
    const why =
      (error as Error).cause instanceof Error ? ((error as Error).cause as Error).message : (error as Error).message
    return {
      what,
      level: 'fail',
      words: `${url} cannot be reached: ${why}`,
      mend: 'Look at the network, a proxy, and `model.baseUrl`.',
    }
  }
}
