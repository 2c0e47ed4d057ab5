import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A remote MCP server that wants a token, and the authorization server that gives it: both on loopback. */
export async function openLoginPlace() {
  const codes = new Map<string, { challenge: string; redirect: string; client: string }>()
  const good = new Set<string>()
  const seen = { registered: 0, refreshed: 0, authorizations: [] as string[] }
  let refresh = ''
  let base = ''

  const issue = () => {
    good.clear()
    const token = randomBytes(12).toString('hex')
    good.add(token)
    refresh = randomBytes(12).toString('hex')
    return { access_token: token, refresh_token: refresh, token_type: 'Bearer', expires_in: 3600 }
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url!, base)
    const json = (status: number, value: object, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify(value))
    }
    if (url.pathname.startsWith('/.well-known/oauth-protected-resource')) {
      return json(200, { resource: `${base}/mcp`, authorization_servers: [base], scopes_supported: ['docs'] })
    }
    if (url.pathname === '/.well-known/oauth-authorization-server') {
      return json(200, {
        issuer: base,
        authorization_endpoint: `${base}/authorize`,
        token_endpoint: `${base}/token`,
        registration_endpoint: `${base}/register`,
        response_types_supported: ['code'],
        grant_types_supported: ['authorization_code', 'refresh_token'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none'],
        authorization_response_iss_parameter_supported: true,
      })
    }
    if (url.pathname === '/register') {
      seen.registered++
      return json(201, { ...JSON.parse(await textOf(request)), client_id: `client-${seen.registered}` })
    }
    if (url.pathname === '/authorize') {
      const ask = url.searchParams
      const code = randomBytes(8).toString('hex')
      codes.set(code, {
        challenge: ask.get('code_challenge')!,
        redirect: ask.get('redirect_uri')!,
        client: ask.get('client_id')!,
      })
      const back = new URL(ask.get('redirect_uri')!)
      for (const [name, value] of [
        ['code', code],
        ['state', ask.get('state')!],
        ['iss', base],
      ] as const)
        back.searchParams.set(name, value)
      response.writeHead(302, { location: back.href })
      return response.end()
    }
    if (url.pathname === '/token') {
      const form = new URLSearchParams(await textOf(request))
      if (form.get('grant_type') === 'refresh_token') {
        if (form.get('refresh_token') !== refresh) return json(400, { error: 'invalid_grant' })
        seen.refreshed++
        return json(200, issue())
      }
      const known = codes.get(form.get('code') ?? '')
      const verifier = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      if (!known || known.challenge !== verifier || known.redirect !== form.get('redirect_uri')) {
        return json(400, { error: 'invalid_grant' })
      }
      codes.delete(form.get('code')!)
      return json(200, issue())
    }
    if (url.pathname !== '/mcp') return json(404, {})
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (!token || !good.has(token)) {
      const where = `Bearer resource_metadata="${base}/.well-known/oauth-protected-resource/mcp"`
      return json(401, { error: 'unauthorized' }, { 'www-authenticate': where })
    }
    seen.authorizations.push(token)
    if (request.method !== 'POST') return json(405, {})
    const { id, method } = JSON.parse(await textOf(request))
    if (id === undefined) {
      response.writeHead(202)
      return response.end()
    }
    const answer = (result: object) => json(200, { jsonrpc: '2.0', id, result })
    if (method === 'initialize') {
      const serverInfo = { name: 'remote', version: '1' }
      return answer({ protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo })
    }
    if (method === 'tools/list') {
      return answer({ tools: [{ name: 'read', description: 'Read.', inputSchema: { type: 'object' } }] })
    }
    if (method === 'tools/call') return answer({ content: [{ type: 'text', text: `your token is ${token}` }] })
    return json(200, { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `${base}/mcp`,
    seen,
    /** No token that was given out opens anything any more. */
    expire: () => good.clear(),
    /** Nor can one be refreshed. */
    forget() {
      good.clear()
      refresh = ''
    },
    /** What a browser does that is logged in already. */
    async browse(address: string) {
      const first = await fetch(address, { redirect: 'manual' })
      return fetch(first.headers.get('location')!)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
