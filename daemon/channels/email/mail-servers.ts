/** Where a mailbox is: as the owner says, as its domain publishes (RFC 6186, RFC 8314), or as most have it. */
import type { EmailConfig } from '../../../config/channels.ts'
import { Fault } from '../../../core/fault.ts'

export interface MailServer {
  host: string
  port: number
  /** TLS from the first byte; without, STARTTLS, which only the loopback may go without. */
  isSecure: boolean
  mayBePlain: boolean
}

export interface MailServers {
  imap: MailServer
  smtp: MailServer
  trust: string | null
}

export type ResolveSrv = (name: string) => Promise<{ name: string; port: number; priority: number }[]>

interface Provider {
  domains: readonly string[]
  imap: string
  smtp: string
  trust: string | null
}

/** Big ones that publish nothing, or whose name in `Authentication-Results` is known. */
const PROVIDERS: readonly Provider[] = [
  {
    domains: ['gmail.com', 'googlemail.com'],
    imap: 'imaps://imap.gmail.com',
    smtp: 'smtps://smtp.gmail.com',
    trust: 'mx.google.com',
  },
  {
    domains: ['icloud.com', 'me.com', 'mac.com'],
    imap: 'imaps://imap.mail.me.com',
    smtp: 'smtp://smtp.mail.me.com:587',
    trust: null,
  },
]
const PORTS = { 'imaps:': 993, 'imap:': 143, 'smtps:': 465, 'smtp:': 587 } as const
const NO_PASSWORDS = new Set(['outlook.com', 'hotmail.com', 'live.com', 'msn.com'])

export async function findServers(config: EmailConfig, resolveSrv: ResolveSrv): Promise<MailServers> {
  const domain = config.address.slice(config.address.lastIndexOf('@') + 1).toLowerCase()
  if (NO_PASSWORDS.has(domain) && config.imap === null) {
    throw new Fault('channel_refused', `${domain} takes no passwords from programs`, {
      hint: 'Take a mailbox elsewhere for Claw; you may write to it from this one.',
    })
  }
  const provider = PROVIDERS.find(({ domains }) => domains.includes(domain))
  const imap = config.imap ?? provider?.imap
  const smtp = config.smtp ?? provider?.smtp
  return {
    imap: imap ? serverOf(imap) : await published(resolveSrv, domain, ['_imaps', '_imap'], 'imap'),
    smtp: smtp ? serverOf(smtp) : await published(resolveSrv, domain, ['_submissions', '_submission'], 'smtp'),
    trust: config.trust ?? provider?.trust ?? null,
  }
}

export function serverOf(text: string): MailServer {
  const url = new URL(text)
  const protocol = url.protocol as keyof typeof PORTS
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    host,
    port: url.port === '' ? PORTS[protocol] : Number(url.port),
    isSecure: protocol.endsWith('s:'),
    mayBePlain: /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host),
  }
}

/** The first name is for TLS from the first byte. */
async function published(
  resolveSrv: ResolveSrv,
  domain: string,
  [secure, plain]: readonly [string, string],
  kind: 'imap' | 'smtp',
): Promise<MailServer> {
  for (const name of [secure, plain]) {
    const records = await resolveSrv(`${name}._tcp.${domain}`).catch(() => [])
    const [best] = records.filter((record) => record.name !== '').sort((a, b) => a.priority - b.priority)
    if (best) return { host: best.name, port: best.port, isSecure: name === secure, mayBePlain: false }
  }
  return serverOf(`${kind}s://${kind}.${domain}`)
}
