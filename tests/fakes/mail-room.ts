import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { ImapFlow } from 'imapflow'
import { simpleParser } from 'mailparser'
import { createTransport, type SendMailOptions } from 'nodemailer'
import { systemClock } from '../../core/clock.ts'

const DOVECOT = '/usr/sbin/dovecot'
const EXIM = '/usr/sbin/exim4'

/** Both are told to become users of their own, which only root can tell; dovecot 2.4 has another language of settings. */
function whyNone(): string | undefined {
  if (!existsSync(DOVECOT) || !existsSync(EXIM)) return 'Debian: dovecot-imapd, dovecot-lmtpd, exim4-daemon-light'
  if (userInfo().uid !== 0) return 'it takes root to start them'
  const version = execFileSync(DOVECOT, ['--version'], { encoding: 'utf8' })
  return version.startsWith('2.3') ? undefined : `dovecot 2.3 is wanted, not ${version.trim()}`
}

const why = whyNone()
export const hasMailServers = why === undefined
if (why) console.error(`no mail servers here (${why}); tests of e-mail against real ones are left out`)

export const HOST = 'mx.claw.test'
export const PASSWORD = 'pw'

export interface MailRoom extends AsyncDisposable {
  imapPort: number
  smtpPort: number
  /** By way of exim, logged in as the sender unless told otherwise. */
  send(mail: SendMailOptions & { from: string }, options?: { login?: string | null }): Promise<void>
  /** Straight into the mailboxes, as a server that adds nothing. */
  deliver(mail: SendMailOptions): Promise<void>
  /** The mails of an inbox, oldest first. */
  inbox(user: string): Promise<ReceivedMail[]>
  /** The inbox gets new numbers: another UIDVALIDITY. */
  renumber(user: string): Promise<void>
  cut(): Promise<() => Promise<void>>
}

export interface ReceivedMail {
  messageId: string
  from: string
  subject: string
  text: string
  html: string
  headers: ReadonlyMap<string, unknown>
  inReplyTo: string | undefined
  files: { name: string; data: Uint8Array }[]
}

/** Debian's dovecot and exim on the loopback, with everything they write in a folder that goes away. */
export async function startMailRoom(): Promise<MailRoom> {
  const folder = mkdtempSync(join(tmpdir(), 'claw-mail-'))
  chmodSync(folder, 0o711)
  const nobody = idsOf('nobody')
  const exim = idsOf('Debian-exim')
  const made = (name: string, ids: { uid: number; gid: number }) => {
    const dir = join(folder, name)
    mkdirSync(dir, { mode: 0o711 })
    chownSync(dir, ids.uid, ids.gid)
    return dir
  }
  const [mail, spool] = [made('mail', nobody), made('spool', exim)]
  const [imapPort, lmtpPort, smtpPort] = [await freePort(), await freePort(), await freePort()]
  const dovecotConf = join(folder, 'dovecot.conf')
  writeFileSync(
    dovecotConf,
    `base_dir = ${folder}/run
log_path = ${folder}/dovecot.log
protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:${mail}/%u
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${nobody.uid} gid=${nobody.gid} home=${mail}/%u allow_all_users=yes
}
service imap-login {
  inet_listener imap {
    address = 127.0.0.1
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtpPort}
  }
}
mail_max_userip_connections = 50
`,
  )
  const eximConf = join(folder, 'exim.conf')
  writeFileSync(
    eximConf,
    `primary_hostname = ${HOST}
spool_directory = ${spool}
log_file_path = ${spool}/exim-%slog
pid_file_path = ${spool}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${smtpPort}
tls_advertise_hosts =
keep_environment =
message_size_limit = 60M
smtp_accept_max_per_connection = 0
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
begin acl
acl_rcpt:
  deny local_parts = nobody
       message = no such user
  defer local_parts = busy
       message = try again
  accept
acl_data:
  warn authenticated = *
       add_header = :at_start:Authentication-Results: ${HOST}; auth=pass (PLAIN) smtp.auth=$authenticated_id
  warn !authenticated = *
       add_header = :at_start:Authentication-Results: ${HOST}; spf=none; dkim=none
  accept
begin routers
all:
  driver = accept
  transport = boxes
begin transports
boxes:
  driver = smtp
  protocol = lmtp
  hosts = 127.0.0.1
  hosts_override
  port = ${lmtpPort}
  allow_localhost
  return_path_add
begin retry
* * F,1h,1s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_set_id = $auth2
  server_condition = \${if eq{$auth3}{${PASSWORD}}}
  server_advertise_condition = yes
`,
    { mode: 0o644 },
  )

  let running: ChildProcess[] = []
  async function start(): Promise<void> {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
    running = [
      spawn(DOVECOT, ['-F', '-c', dovecotConf], { stdio: 'ignore', env }),
      spawn(EXIM, ['-bdf', '-q1s', '-C', eximConf], { stdio: 'ignore', env }),
    ]
    await Promise.all([imapPort, lmtpPort, smtpPort].map((port) => listening(port, running)))
  }
  async function stop(): Promise<void> {
    const all = running
    running = []
    await Promise.all(
      all.map(async (child) => {
        if (child.exitCode !== null) return
        const gone = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGTERM')
        await gone
      }),
    )
  }
  await start()

  async function send(mail: SendMailOptions, port: number, options: object): Promise<void> {
    const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true, ...options })
    try {
      await transport.sendMail(mail)
    } finally {
      transport.close()
    }
  }

  async function opened<T>(user: string, work: (client: ImapFlow) => Promise<T>): Promise<T> {
    const auth = { user, pass: PASSWORD }
    const client = new ImapFlow({ host: '127.0.0.1', port: imapPort, secure: false, auth, logger: false })
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.logout()
    }
  }

  return {
    imapPort,
    smtpPort,
    send: (mail, { login = addressIn(mail.from) } = {}) =>
      send(mail, smtpPort, login === null ? {} : { auth: { user: login, pass: PASSWORD } }),
    deliver: (mail) => send(mail, lmtpPort, { lmtp: true }),
    inbox: (user) =>
      opened(user, async (client) => {
        const { exists } = await client.mailboxOpen('INBOX')
        const found = exists === 0 ? [] : await client.fetchAll('1:*', { source: true })
        return Promise.all(found.map(async ({ source }) => received(source!)))
      }),
    async renumber(user) {
      await opened(user, async (client) => {
        await client.mailboxCreate('Old')
        await client.mailboxOpen('INBOX')
        await client.messageMove('1:*', 'Old')
        await client.mailboxClose()
      })
      // Where a maildir's own list of numbers is gone, dovecot makes another one, with another UIDVALIDITY.
      for (const name of ['dovecot-uidlist', 'dovecot.index', 'dovecot.index.log', 'dovecot.index.cache'])
        rmSync(join(mail, user, name), { force: true })
      await opened(user, async (client) => {
        await client.mailboxOpen('Old')
        await client.messageMove('1:*', 'INBOX')
      })
    },
    async cut() {
      await stop()
      return start
    },
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function received(source: Buffer): Promise<ReceivedMail> {
  const parsed = await simpleParser(source, { skipTextToHtml: true })
  return {
    messageId: parsed.messageId ?? '',
    from: parsed.from?.value[0]?.address ?? '',
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html: parsed.html || '',
    headers: parsed.headers,
    inReplyTo: parsed.inReplyTo,
    files: parsed.attachments.map(({ filename, content }) => ({ name: filename ?? '', data: content })),
  }
}

function addressIn(from: string): string {
  return /<(.+)>/.exec(from)?.[1] ?? from
}

function idsOf(name: string): { uid: number; gid: number } {
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([user]) => user === name)
  return { uid: Number(fields?.[2]), gid: Number(fields?.[3]) }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

async function listening(port: number, children: readonly ChildProcess[]): Promise<void> {
  for (;;) {
    const dead = children.find(({ exitCode }) => exitCode !== null)
    if (dead) throw new Error(`${dead.spawnfile} ended with ${dead.exitCode}`)
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: '127.0.0.1' }, () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (isThere) return
    await systemClock.sleep(20)
  }
}
