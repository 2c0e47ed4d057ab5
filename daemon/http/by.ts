import type { Context } from 'hono'

/** Who acts, for the record: the surface that the client says it is (`cli`, `web` …), else `http`. */
export function actor(c: Context): string {
  const said = c.req.header('x-claw-surface') ?? ''
  return /^[a-z0-9-]{1,40}$/.test(said) ? said : 'http'
}
