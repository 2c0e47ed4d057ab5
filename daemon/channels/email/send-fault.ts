import { Fault } from '../../../core/fault.ts'
import type { MailServer } from './mail-servers.ts'

interface SmtpError {
  code?: string
  command?: string
  responseCode?: number
  response?: string
  permanent?: boolean
  originalCode?: string
  message?: string
}

/** Why a mail was not sent. Where the server said no, and before the words were on their way, nothing has arrived. */
export function sendFault(error: unknown, { host, port }: MailServer): unknown {
  if (error instanceof Fault) return error
  const { code, command, responseCode, response, permanent, originalCode, message } = error as SmtpError
  const where = `${host}:${port}`
  const said = oneLine(response ?? message ?? code ?? '')
  if (code === 'EAUTH') {
    return new Fault('channel_refused', `${where} does not take the password (${said})`, {
      hint: 'With two-factor login an app password is needed; see your provider’s settings.',
    })
  }
  if (code === 'ETLS' || /certificate|CERT_|SSL/.test(`${originalCode} ${message}`)) {
    return new Fault('channel_refused', `no secure connection to ${where}: ${said}`, {
      hint: 'Is it the right server? Its certificate must be one that this machine trusts.',
    })
  }
  if (responseCode !== undefined && permanent) return new Fault('channel_refused', `${where} refuses the mail: ${said}`)
  if (responseCode !== undefined)
    return new Fault('channel_unavailable', `${where} takes no mail now: ${said}`, { details: { sent: false } })
  if (code === undefined) return error
  const isSure = command === 'CONN' || command === 'API' || originalCode === 'ECONNREFUSED' || code === 'EDNS'
  return new Fault('channel_unavailable', `${where} cannot be reached (${originalCode ?? code})`, {
    details: isSure ? { sent: false } : {},
  })
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}
