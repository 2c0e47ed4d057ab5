/** A goal from the first word to the report, given and decided in Slack and by e-mail, over the real adapters. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ChatRoom, openChatRoom } from '../daemon/conversation/chat-room.ts'
import { HOST, hasMailServers, PASSWORD, type ReceivedMail, startMailRoom } from '../fakes/mail-room.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { APP_TOKEN, BOT_TOKEN, BOT_USER, type FakeMessage, startSlackServer } from '../fakes/slack-server.ts'
import { plainOf } from '../fakes/slack-words.ts'
import { fileAt, plan, task } from './daemon-room.ts'

const SOON = { timeout: 60_000 }

function kept(name: string, secret: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'claw-secret-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, name), secret, { mode: 0o600 })
  return `file:${join(folder, name)}`
}

function roomWith(channels: Record<string, unknown>, repository: string): Promise<ChatRoom> {
  return openChatRoom({
    config: { channels },
    plan: plan([task('a')]),
    brain: (_, nth) =>
      nth === 1
        ? { calls: [['add_goal', { text: 'Write a', repo: repository, land: 'merge', autonomy: 'ask-plan' }]] }
        : { say: 'I added goal 1.' },
  })
}

/** The first that fits, now or later. */
async function found<T>(all: () => T[] | Promise<T[]>, is: (one: T) => boolean): Promise<T> {
  let one: T | undefined
  await expect
    .poll(async () => {
      one = (await all()).find(is)
      return one !== undefined
    }, SOON)
    .toBe(true)
  return one!
}

const codeIn = (text: string) => /claw pair (\S{9})/.exec(text)![1]!

test('in Slack: words, a plan approved by its button, the report with its file', { timeout: 120_000 }, async () => {
  const server = await startSlackServer()
  onTestFinished(() => server[Symbol.asyncDispose]())
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  const { apiRoot } = server
  const config = { kind: 'slack', apiRoot, botToken: kept('bot', BOT_TOKEN), appToken: kept('app', APP_TOKEN) }
  const { room } = await roomWith({ slack: config }, repository)
  const ours = () => server.messages.filter(({ user }) => user === BOT_USER)
  const text = (message: FakeMessage) => plainOf(message.blocks).text
  await expect.poll(() => server.connections(), SOON).toBe(1)

  server.say({ channel: 'D1', user: 'UANN', text: 'hello' })
  const code = codeIn(text(await found(ours, (message) => /claw pair/.test(text(message)))))
  await room.daemon.chat.people.pair({ code, name: 'ann', role: 'owner' }, 'test')
  server.say({ channel: 'D1', user: 'UANN', text: 'please write a' })
  const ask = await found(ours, (message) => plainOf(message.blocks).buttons.length > 0)
  server.press('D1', ask.ts, plainOf(ask.blocks).buttons[0]!.value, 'UANN')
  const report = await found(ours, (message) => message.file !== undefined)
  expect(text(report)).toMatch(/#1 is met/)
  expect(server.fileOf(report)?.name).toBe('goal-1.md')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  // The ask was changed in its place to say who decided, and has no buttons any more.
  await expect.poll(() => plainOf(ask.blocks).buttons, SOON).toEqual([])
  expect(text(ask)).toContain('(by slack:ann)')
})

describe.skipIf(!hasMailServers)('with mail servers', () => {
  test('by e-mail: words, a plan approved by an answer, the report attached', { timeout: 180_000 }, async () => {
    const post = await startMailRoom()
    onTestFinished(() => post[Symbol.asyncDispose]())
    const [claw, ann] = ['claw@claw.test', 'ann@claw.test']
    const repository = makeRepository({ 'README.md': '# Hello\n' })
    const { room } = await roomWith(
      {
        mail: {
          kind: 'email',
          address: claw,
          password: kept('password', PASSWORD),
          imap: `imap://127.0.0.1:${post.imapPort}`,
          smtp: `smtp://127.0.0.1:${post.smtpPort}`,
          trust: HOST,
        },
      },
      repository,
    )
    const inbox = () => post.inbox(ann)
    const mail = (like: RegExp) => found<ReceivedMail>(inbox, ({ text }) => like.test(text))

    await post.send({ from: ann, to: claw, subject: 'hello', text: 'hello' })
    const code = codeIn((await mail(/claw pair/)).text)
    await room.daemon.chat.people.pair({ code, name: 'ann', role: 'owner' }, 'test')
    await post.send({ from: ann, to: claw, subject: 'Work', text: 'please write a' })
    const ask = await mail(/\? 1 · goal #1/)
    // Somebody who has read it, and writes in her name, decides nothing.
    const answer = { to: claw, subject: `Re: ${ask.subject}`, inReplyTo: ask.messageId, references: [ask.messageId] }
    await post.send({ ...answer, from: ann, text: 'no' }, { login: 'eve@claw.test' })
    const quote = ask.text.split('\n').map((line) => `> ${line}`)
    const text = ['yes', '', `On Monday Claw <${claw}> wrote:`, ...quote].join('\n')
    await post.send({ ...answer, from: ann, text })
    const report = await mail(/#1 is met/)
    expect(report.files.map(({ name }) => name)).toEqual(['goal-1.md'])
    expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
    const refused = room.query<{ note: string }>(`select note from chat_event where note like '%vouched%'`)
    expect(refused).toHaveLength(1)
  })
})
