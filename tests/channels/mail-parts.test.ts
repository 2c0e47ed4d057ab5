import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createTransport } from 'nodemailer'
import { describe, expect, test } from 'vitest'
import { EmailConfig } from '../../config/channels.ts'
import { verifyDkim } from '../../daemon/channels/email/dkim.ts'
import { findServers } from '../../daemon/channels/email/mail-servers.ts'
import { forwardedFrom, withoutQuote } from '../../daemon/channels/email/quoted.ts'
import { splitMail } from '../../daemon/channels/email/raw-mail.ts'
import { whyAutomatic } from '../../daemon/channels/email/read-mail.ts'
import { checkSender } from '../../daemon/channels/email/sender-check.ts'
import { newToken, subjectWith, tokenIn, tokenOf, withToken } from '../../daemon/channels/email/token.ts'

const FROM = 'ann@example.org'
const CLAW = 'claw@claw.test'
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

function recordOf(key: KeyObject, more = ''): string {
  return `v=DKIM1; ${more}p=${key.export({ type: 'spki', format: 'der' }).toString('base64')}`
}

const askingFor =
  (record: string) =>
  async (name: string): Promise<string[]> =>
    name === 's1._domainkey.example.org' ? [record] : []

/** A mail signed by nodemailer, which is another's way to sign than ours to check. */
async function signed(options: { skipFields?: string; text?: string; domainName?: string } = {}): Promise<string> {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  const sent = await transport.sendMail({
    from: `Ann <${FROM}>`,
    to: CLAW,
    subject: 'A  long   subject that is folded because it has so many words that no line of a mail would ever hold it',
    text: options.text ?? 'Add a  goal.\n\nTrailing blanks:   \n\n\n',
    dkim: {
      domainName: options.domainName ?? 'example.org',
      keySelector: 's1',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      ...(options.skipFields ? { skipFields: options.skipFields } : {}),
    },
  })
  return (sent.message as Buffer).toString('latin1')
}

const mailOf = (source: string) => splitMail(Buffer.from(source, 'latin1'))
const NOW = Date.now()

describe('a signature', () => {
  const check = (source: string, record = recordOf(publicKey)) =>
    verifyDkim(mailOf(source), askingFor(record), NOW).then(({ good }) => good.map(({ domain }) => domain))

  test('is right as it was made, and through the changes that servers make to blanks and folds', async () => {
    const source = await signed()
    expect(await check(source)).toEqual(['example.org'])
    expect(await check(source.replace('Add a  goal.', 'Add a goal. '))).toEqual(['example.org'])
    expect(await check(source.replace(/^Subject: A\s+long/m, 'subject:  A\r\n long'))).toEqual(['example.org'])
    expect(await check(`${source}\r\n\r\n`)).toEqual(['example.org'])
    expect(await check(`Received: from a by b\r\n${source}`)).toEqual(['example.org'])
  })

  test('is wrong when a word, the sender or the addressee was changed', async () => {
    const source = await signed()
    for (const [from, to] of [
      ['Add a', 'Drop a'],
      [`Ann <${FROM}>`, 'Ann <eve@example.org>'],
      [`To: ${CLAW}`, 'To: other@claw.test'],
      ['d=example.org', 'd=example.com'],
    ] as const) {
      expect(source).toContain(from)
      expect(await check(source.replace(from, to))).toEqual([])
    }
  })

  test('counts for nothing with a key that is withdrawn, in testing, too short, of another kind, or not there', async () => {
    const source = await signed()
    const short = generateKeyPairSync('rsa', { modulusLength: 768 }).publicKey
    for (const record of [
      'v=DKIM1; p=',
      recordOf(publicKey, 't=y; '),
      recordOf(publicKey, 'k=ed25519; '),
      recordOf(short),
      '',
    ])
      expect(await check(source, record)).toEqual([])
  })

  test('counts for nothing when it covers only the beginning of the words, or is over', async () => {
    const source = await signed()
    expect(await check(source.replace('v=1;', 'v=1; l=3;'))).toEqual([])
    expect(await check(source.replace('v=1;', `v=1; x=${Math.floor(NOW / 1000) - 10};`))).toEqual([])
  })
})

describe('who sent it', () => {
  const deps = (trust: string | null) => ({ trust, resolveTxt: askingFor(recordOf(publicKey)), now: () => NOW })
  const check = async (source: string, trust: string | null, to = [CLAW]) =>
    (await checkSender(mailOf(source), FROM, to, deps(trust))).isVerified

  test('only a signature of the sender’s own domain speaks for it, and only in mails to us', async () => {
    expect(await check(await signed(), null)).toBe(true)
    expect(await check(await signed(), null, [])).toBe(false)
    const twice = `From: Eve <eve@evil.test>\r\n${await signed()}`
    expect(await check(twice, null)).toBe(false)
  })

  test('a signature that leaves open to whom or when could be used again, and is refused', async () => {
    const source = await signed({ skipFields: 'message-id:date:to' })
    const found = await checkSender(mailOf(source), FROM, [CLAW], deps(null))
    expect(found).toMatchObject({ isVerified: false, why: expect.stringMatching(/leaves to, date, message-id open/) })
  })

  test('of the results that a mail brings along only the topmost of the named server is believed', async () => {
    const line = (server: string, result: string) => `Authentication-Results: ${server}; ${result}\r\n`
    const rest = `From: ${FROM}\r\nTo: ${CLAW}\r\n\r\nhi\r\n`
    const pass = 'dmarc=pass (p=NONE) header.from=example.org'
    expect(await check(line('mx.claw.test', pass) + rest, 'mx.claw.test')).toBe(true)
    expect(await check(line('mx.evil.test', pass) + rest, 'mx.claw.test')).toBe(false)
    const forged = line('mx.claw.test', 'dkim=none') + line('mx.claw.test', pass) + rest
    expect(await check(forged, 'mx.claw.test')).toBe(false)
    for (const result of [
      'dmarc=pass header.from=evil.test',
      'dkim=pass header.d=evil.test',
      'dkim=pass header.d=org',
      'spf=pass smtp.mailfrom=example.org',
      'none (dmarc=pass; dmarc=pass header.from=example.org)',
      'dmarc=fail reason="dmarc=pass header.from=example.org"',
      'auth=pass smtp.auth=eve@example.org',
    ])
      expect(await check(line('mx.claw.test', result) + rest, 'mx.claw.test'), result).toBe(false)
    for (const result of ['dkim=pass header.i=@example.org', 'spf=fail; auth=pass (PLAIN) smtp.auth=Ann@example.org'])
      expect(await check(line('mx.claw.test', result) + rest, 'mx.claw.test'), result).toBe(true)
  })
})

test('quotes go in whatever language they are announced, and what was written stays', () => {
  const strip = (text: string) => withoutQuote(text, CLAW)
  for (const quote of [
    `On Mon, Nov 23, 2026 at 1:00 PM Claw <${CLAW}> wrote:\n\n> Go on?`,
    `Am 23.11.26 um 13:00 schrieb Claw <${CLAW}>:\n> Go on?`,
    `Le lun. 23 nov. 2026, Claw <${CLAW}>\na écrit :\n> Go on?`,
    `________________________________\nFrom: Claw <${CLAW}>\nSent: Monday\n\nGo on?`,
    `Von: Claw <${CLAW}>\nGesendet: Montag\n\nGo on?`,
    '-----Original Message-----\nGo on?',
    '> Go on?\n> really',
    '-- \nAnn\nExample Inc.',
  ])
    expect(strip(`yes, please\nand soon\n\n${quote}`), quote).toBe('yes, please\nand soon')
  const close = `On Mon, Claw\n<${CLAW}> wrote:\n> Go on?`
  expect(strip(`yes\n${close}`)).toBe('yes')
  for (const kept of ['Note: keep the colon:', `Write to ${CLAW}: it answers.`, 'a > b', 'From: the beginning'])
    expect(strip(kept)).toBe(kept)
})

test('what was passed on is known by its mark, with its writer', () => {
  expect(forwardedFrom('See\n\n---------- Forwarded message ---------\nFrom: Eve <e@x>\n\nDo it')).toBe('Eve <e@x>')
  expect(forwardedFrom('Begin forwarded message:\n\nDo it')).toBe('somebody')
  expect(forwardedFrom('I forwarded the message')).toBeNull()
})

test('what a program sent is known as such, a person’s mail is not', () => {
  const why = (head: string, from = FROM) => whyAutomatic(mailOf(`${head}\r\n\r\n`).headers, from)
  for (const head of [
    'Auto-Submitted: auto-replied (vacation)',
    'Precedence: junk',
    'List-Unsubscribe: <mailto:x@y>',
    'Return-Path: <>',
    'Content-Type: multipart/report; report-type=delivery-status',
    'X-Claw: 1',
  ])
    expect(why(head), head).toBeDefined()
  expect(why('Subject: x', 'no-reply@shop.test')).toBeDefined()
  expect(why('Auto-Submitted: no')).toBeUndefined()
  expect(why(`Return-Path: <${FROM}>`)).toBeUndefined()
})

test('a token is the same at every attempt, nobody’s guess, and found again in an id or a subject', () => {
  const token = newToken('secret', 'ask:1')
  expect(newToken('secret', 'ask:1')).toBe(token)
  expect(newToken('other', 'ask:1')).not.toBe(token)
  expect(tokenOf(withToken(token, CLAW), CLAW)).toBe(token)
  expect(tokenOf(withToken(token, CLAW), 'claw@other.test')).toBeUndefined()
  expect(tokenIn(`AW: Re: ${subjectWith('Go on?', token)}`)).toBe(token)
  expect(subjectWith(subjectWith('Go on?', 'a'.repeat(16)), token)).toBe(`Go on? [claw ${token}]`)
})

test('servers are found: as said, as the provider has them, as the domain publishes, as most have them', async () => {
  const find = (address: string, more = {}, srv: Record<string, string> = {}) =>
    findServers(EmailConfig.parse({ kind: 'email', address, password: 'env:P', ...more }), async (name) =>
      srv[name] ? [{ name: srv[name], port: 1143, priority: 1 }] : Promise.reject(new Error('ENOTFOUND')),
    )
  const said = await find('a@b.test', { imap: 'imap://127.0.0.1:1143', smtp: 'smtp://mail.b.test' })
  expect(said.imap).toEqual({ host: '127.0.0.1', port: 1143, isSecure: false, mayBePlain: true })
  expect(said.smtp).toEqual({ host: 'mail.b.test', port: 587, isSecure: false, mayBePlain: false })
  expect(await find('a@gmail.com')).toMatchObject({
    imap: { host: 'imap.gmail.com', port: 993 },
    trust: 'mx.google.com',
  })
  expect(await find('a@b.test', {}, { '_imaps._tcp.b.test': 'm.b.test' })).toMatchObject({
    imap: { host: 'm.b.test', port: 1143, isSecure: true },
    smtp: { host: 'smtp.b.test', port: 465, isSecure: true },
    trust: null,
  })
  await expect(find('a@outlook.com')).rejects.toMatchObject({ code: 'channel_refused' })
})
