import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { editLine, messageLines } from '../../cli/chat/lines.ts'
import { converse, pastedFiles } from '../../cli/chat/session.ts'
import { createClient } from '../../cli/client.ts'
import { locateIn } from '../../cli/daemon.ts'
import { openSurface } from '../../cli/surface.ts'
import { type ChatRoomOptions, openChatRoom } from '../daemon/conversation/chat-room.ts'
import { serveFakeApp } from '../fakes/served-app.ts'
import { BOT_TOKEN, startTelegramServer } from '../fakes/telegram-server.ts'
import { plan, task } from '../scenarios/daemon-room.ts'
import { hasTerminal, onTerminal } from './on-terminal.ts'
import { claw } from './run-claw.ts'

/** The real conversation behind the real routes, and the command line as a process of its own. */
async function open(options: ChatRoomOptions = {}) {
  const chat = await openChatRoom(options)
  const served = await serveFakeApp({ chat: chat.room.daemon.chat })
  onTestFinished(() => served[Symbol.asyncDispose]())
  const run = (args: string[], more: { input?: string } = {}) => claw(args, { home: served.home, ...more })
  return { chat, served, run }
}

test('one thing is said and answered: without a model where it is a command, as JSON, from stdin, and kept', async () => {
  const { chat, run } = await open({ brain: () => ({ say: 'It is a **fine** day.' }) })
  expect(await run(['chat', 'status'])).toMatchObject({ code: 0, stdout: expect.stringContaining('0 open') })
  expect(chat.model!.requests).toEqual([])
  expect(await run(['chat', 'How are you?'])).toMatchObject({ code: 0, stdout: 'It is a **fine** day.\n' })
  const said = await run(['chat', '-', '--json'], { input: 'How are you?\n' })
  expect(JSON.parse(said.stdout)).toEqual({ text: 'It is a **fine** day.', buttons: [], file: null })
  const { stdout } = await run(['chat', '--history', '3'])
  expect(stdout).toMatch(/claw: It is a fine day\.\n.*owner: How are you\?\n.*claw: It is a fine day\.\n/)
  expect(chat.events('chat.said').map(({ by }) => by)).toEqual(['terminal:owner', 'terminal:owner', 'terminal:owner'])
})

test('a file goes along, a goal that it led to waits for a yes, and /do gives it', async () => {
  const { chat, served, run } = await open({
    brain: (prompt) =>
      prompt.includes('# What came of your calls')
        ? { say: 'Confirm it.' }
        : { calls: [['add_goal', { text: 'As said' }]] },
  })
  writeFileSync(join(served.home, 'spec.md'), 'say hello\n')
  const asked = await run(['chat', 'do what it says', '--file', join(served.home, 'spec.md')])
  expect(asked.stdout).toContain('Confirm it.\n**Confirm 1**: Add a goal (text: As said)\nclaw chat "/do 1"')
  expect((await run(['chat', '/do 1'])).stdout).toContain('Added. #1 As said')
  expect((await chat.room.daemon.goals.show('1')).goal.text).toContain(
    '~/attachments/spec.md (text/markdown, 10 bytes)',
  )
  const none = await run(['chat', 'x', '--file', join(served.home, 'none.md')])
  expect(none).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('none.md cannot be read') })
})

test('a session streams a model’s words, takes choices by number, and pasted lines and files together', async () => {
  const words = Array.from({ length: 30 }, (_, n) => `word${n}`).join(' ')
  const { chat, served } = await open({
    plan: plan([task('a')]),
    brain: (prompt) =>
      prompt.includes('two lines') ? { say: 'Both lines came.' } : { json: { say: words, calls: [] }, slowMs: 40 },
  })
  writeFileSync(join(served.home, 'a b.txt'), 'pasted\n')
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  let screen = ''
  stdout.on('data', (data) => {
    screen += stripVTControlCharacters(String(data))
  })
  const seen = async (pattern: RegExp) => {
    const giveUp = AbortSignal.timeout(20_000)
    while (!pattern.test(screen)) {
      await once(stdout, 'data', { signal: giveUp }).catch(() =>
        expect.fail(`waited in vain for ${pattern}\n${screen}`),
      )
    }
  }
  const locate = locateIn(served.paths)
  const surface = {
    ...openSurface({ isJson: false }),
    cwd: served.home,
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    paint: (_: unknown, text: string) => text,
    print: (line: string) => void stdout.write(`${line}\n`),
  }
  const session = converse({ surface, client: createClient(locate), locate })
  await seen(/Say what you want/)
  stdin.write('tell me\n')
  await seen(/word2 word3/)
  expect(screen).not.toContain('word29')
  await seen(/word28 word29/)
  expect(screen.split('word5 ').length).toBe(2)

  stdin.write("'a b.txt'\n")
  await seen(/with the next message: a b.txt/)
  stdin.write('first of\ntwo lines\n')
  await seen(/Both lines came/)
  expect(chat.prompts().at(-1)).toContain('first of\\ntwo lines')
  expect(chat.prompts().at(-1)).toContain('<untrusted-data name="file a b.txt">\npasted\n')

  stdin.write('/goal --autonomy ask-plan do it\n')
  await seen(/#1 do it/)
  await seen(/\/1 .*\/2 /)
  stdin.write('/9\n')
  await seen(/There is no such choice/)
  stdin.write('/1\n')
  await seen(/↻ \? 1 · goal #1/)
  expect((await chat.room.daemon.inbox.get('1')).answer).toMatchObject({ by: 'terminal:owner' })
  stdin.write('/quit\n')
  await session
})

test('messages as lines: choices with numbers, an edit in one line', () => {
  const paint = (_: unknown, text: string) => text
  const message = {
    id: 1,
    message: 'm',
    version: 1,
    at: 0,
    text: '**? 3** · goal #1\nCarry it out?\x07',
    buttons: [[{ label: 'Yes', data: 'a:3:yes' }], [{ label: 'No', data: 'a:3:no' }]],
    file: null,
    answers: null,
  }
  expect(messageLines(message, paint)).toEqual(['? 3 · goal #1', 'Carry it out?', '/1 Yes   /2 No'])
  expect(editLine({ ...message, text: '**#1** Do it\nworking · 1/2\n\n▶ 1.1 A' }, paint)).toBe(
    '↻ #1 Do it · working · 1/2',
  )
  expect(pastedFiles('/', 'just words')).toEqual([])
  expect(pastedFiles('/', '/etc/hostname')).toEqual(existsSync('/etc/hostname') ? ['/etc/hostname'] : [])
  expect(pastedFiles('/', '/etc/hostname is a file')).toEqual([])
})

test('an account is let in by its code, listed, given a role, and removed', async () => {
  const { chat, run } = await open()
  chat.say('ben', 'hello')
  const { text } = await chat.shown(/claw pair/)
  const code = /claw pair (\S+)`/.exec(text)![1]!
  expect((await run(['pair'])).stdout).toMatch(/ben +waits +fake, asked just now/)
  expect(await run(['pair', 'XXXX-XXXX'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no account waits'),
  })
  expect((await run(['pair', code.toLowerCase(), '--name', 'Ben', '--role', 'member'])).stdout).toBe(
    'Ben is let in as member (fake)\n',
  )
  expect((await run(['pair', code])).code).toBe(2)
  expect((await run(['people'])).stdout).toMatch(/^owner +owner +this machine\nBen +member +fake: ben\n$/)
  expect((await run(['people', 'role', 'Ben', 'gest'])).stderr).toContain('did you mean guest?')
  expect((await run(['people', 'role', 'Bem', 'guest'])).stderr).toContain('Did you mean Ben?')
  expect((await run(['people', 'role', 'Ben', 'guest'])).stdout).toBe('Ben is guest\n')
  const local = await run(['people', 'role', 'owner', 'guest'])
  expect(local).toMatchObject({ code: 2, stderr: expect.stringContaining('stays an owner') })
  expect((await run(['people', 'remove', 'owner'])).code).toBe(2)
  expect(JSON.parse((await run(['people', 'remove', 'Ben', '--json'])).stdout)).toHaveLength(1)
  chat.say('ben', 'status')
  await chat.quiet()
  expect(chat.messages(/0 open/)).toEqual([])
  expect(chat.events('person.removed')).toMatchObject([{ person: 'Ben', by: 'cli' }])
})

test('a channel is set up by flags with a live check, listed, tested and removed; a wrong key leaves nothing behind', async () => {
  await using telegram = await startTelegramServer()
  const { chat, served, run } = await open()
  const { paths } = chat.room
  const add = (...more: string[]) => ['channel', 'add', 'telegram', '--set', `apiRoot=${telegram.url}`, ...more]
  expect((await run(['channel', 'add', 'telegran'])).stderr).toContain('did you mean telegram?')
  expect((await run(add())).stderr).toContain('Telegram needs --secret token=env:NAME (Bot token)')
  const bare = await run(add('--secret', `token=${BOT_TOKEN}`))
  expect(bare).toMatchObject({ code: 2, stderr: expect.stringContaining('shell’s history') })
  expect(bare.stderr).not.toContain(BOT_TOKEN)
  expect((await run(add('--set', 'tokn=1'))).stderr).toContain('did you mean token?')

  const wrong = await run(add('--secret', 'token=-'), { input: '1:wrong\n' })
  expect(wrong.code).not.toBe(0)
  expect(wrong.stderr.trim().split('\n').at(-1)).toMatch(/^claw: .*(Unauthorized|token|refused)/i)
  expect(existsSync(paths.configFile) ? readFileSync(paths.configFile, 'utf8') : '').not.toContain('telegram')
  expect(existsSync(paths.secretsDir) ? readdirSync(paths.secretsDir) : []).toEqual([])

  const added = await run(add('--secret', 'token=-'), { input: `${BOT_TOKEN}\n` })
  expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining('✓ telegram: @claw_test_bot') })
  const config = readFileSync(paths.configFile, 'utf8')
  expect(config).toContain('kind: telegram')
  expect(config).not.toContain(BOT_TOKEN)
  const [secret] = readdirSync(paths.secretsDir)
  expect(statSync(join(paths.secretsDir, secret!)).mode & 0o777).toBe(0o600)
  expect((await run(['channel'])).stdout).toMatch(/telegram +ready +@claw_test_bot/)
  expect((await run(['channel', 'test', 'telegram'])).stdout).toContain('@claw_test_bot')
  expect((await run(['channel', 'test', 'telegrm'])).stderr).toContain('Did you mean telegram?')

  // It works from now on, without a restart.
  telegram.say({
    from: { id: 7, is_bot: false, first_name: 'Ann' },
    chat: { id: 7, type: 'private', first_name: 'Ann' },
    text: 'hi',
  } as never)
  await telegram.shown(({ text }) => text.includes('claw pair'))

  expect((await run(['channel', 'remove', 'telegram'])).stdout).toBe('channel telegram is gone, with its secrets\n')
  expect(readdirSync(paths.secretsDir)).toEqual([])
  expect(readFileSync(paths.configFile, 'utf8')).not.toContain('telegram')
  const keyFile = join(served.home, 'key')
  writeFileSync(keyFile, `${BOT_TOKEN}\n`)
  const again = await run([
    'channel',
    'add',
    'mine',
    '--kind',
    'telegram',
    '--set',
    `apiRoot=${telegram.url}`,
    '--secret',
    `token=file:${keyFile}`,
    '--json',
  ])
  expect(JSON.parse(again.stdout)).toMatchObject({ name: 'mine', account: '@claw_test_bot' })
  expect(readFileSync(paths.configFile, 'utf8')).toContain(`file:${keyFile}`)
})

test.runIf(hasTerminal)(
  'on a terminal a channel asks for what it needs, and a key that is typed goes into a file of its own',
  async () => {
    await using telegram = await startTelegramServer()
    const { chat, served } = await open()
    const { paths } = chat.room
    const told = await onTerminal(
      ['channel', 'add', 'telegram', '--set', `apiRoot=${telegram.url}`],
      [[/Bot token \(from @BotFather/, `${BOT_TOKEN}\r`]],
      { home: served.home },
    )
    expect(told.code, told.text).toBe(0)
    expect(told.text).toContain('1. In Telegram, write /newbot to @BotFather')
    expect(told.text).toContain('✓ telegram: @claw_test_bot')
    expect(told.text).not.toContain(BOT_TOKEN)
    const file = join(paths.secretsDir, 'telegram-token')
    expect(readFileSync(file, 'utf8')).toBe(`${BOT_TOKEN}\n`)
    expect(readFileSync(paths.configFile, 'utf8')).toContain(`file:${file}`)
  },
)

test.runIf(hasTerminal)('on a terminal the conversation goes on until /quit', async () => {
  const { served } = await open({ brain: () => ({ say: 'A fine day to you.' }) })
  const told = await onTerminal(
    ['chat'],
    [
      [/Say what you want/, 'Good morning\r'],
      [/A fine day to you\./, '/status\r'],
      [/0 open, 0 waiting on you/, '/quit\r'],
    ],
    { home: served.home },
  )
  expect(told.code, told.text).toBe(0)
  expect(told.left).toEqual([])
})
