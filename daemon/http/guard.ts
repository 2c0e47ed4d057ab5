/**
 * Who may talk to the daemon: a program of the owner's on this machine that holds the token.
 *
 * A page in the owner's browser is the threat: it can make the browser send requests to 127.0.0.1,
 * under a name of its own (DNS rebinding) or across origins. So the Host must be ours with our port,
 * an Origin must be ours, and there is no CORS.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { getCookie } from 'hono/cookie'
import { Fault } from '../../core/fault.ts'

const HOSTS = ['127.0.0.1', 'localhost', '[::1]']

export function hostGuard(port: () => number): MiddlewareHandler {
  return async (c, next) => {
    const ours = HOSTS.map((host) => `${host}:${port()}`)
    const host = (c.req.header('host') ?? new URL(c.req.url).host).toLowerCase()
    if (!ours.includes(host)) throw new Fault('origin_refused', `The host ${shown(host)} is not this daemon's`)
    const origin = c.req.header('origin')
    if (origin !== undefined && !ours.some((one) => `http://${one}` === origin.toLowerCase())) {
      throw new Fault('origin_refused', `Requests from ${shown(origin)} are not answered`)
    }
    const site = c.req.header('sec-fetch-site')
    if (site === 'cross-site' || site === 'same-site') {
      throw new Fault('origin_refused', 'Requests from other sites are not answered')
    }
    await next()
  }
}

export function tokenGuard(token: string): MiddlewareHandler {
  // Digests have one length, so the comparison takes the same time whatever was sent.
  const expected = digest(token)
  return async (c, next) => {
    const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    const given = bearer ?? getCookie(c, 'claw_token')
    if (given === undefined || !timingSafeEqual(digest(given), expected)) {
      const words = given === undefined ? 'A token is needed' : 'The token is not this daemon’s'
      throw new Fault('token_refused', words, { hint: 'The token stands in daemon.json in the Claw home.' })
    }
    await next()
  }
}

/** Nothing we answer is a document with scripts, to be framed, cached or sniffed. */
export const securityHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  c.res.headers.set('x-content-type-options', 'nosniff')
  c.res.headers.set('x-frame-options', 'DENY')
  c.res.headers.set('referrer-policy', 'no-referrer')
  c.res.headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  c.res.headers.set('cross-origin-resource-policy', 'same-origin')
  if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
