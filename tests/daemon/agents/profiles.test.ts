import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ModelAccess } from '../../../daemon/agents/agent.ts'
import { codexProfile } from '../../../daemon/agents/profiles/codex.ts'
import { detectAgents } from '../../../daemon/agents/profiles/detect.ts'
import { findProfile } from '../../../daemon/agents/profiles/find-profile.ts'
import { listProfiles } from '../../../daemon/agents/profiles/index.ts'
import { withoutVersion, withVersion } from '../../../daemon/agents/profiles/model-url.ts'
import { readPiError } from '../../../daemon/agents/profiles/pi-error.ts'
import { createPrograms } from '../../../daemon/agents/programs.ts'

let base: string
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'claw-profiles-'))
})
afterEach(() => rmSync(base, { recursive: true }))

const noPrograms = { node: '/node', find: () => undefined }
const model = (api: ModelAccess['api'], baseUrl = 'http://127.0.0.1:9'): ModelAccess => ({
  api,
  baseUrl,
  key: 'k',
  model: 'm',
})
const context = (api: ModelAccess['api'] | null) => ({
  home: '/home',
  worktree: '/w',
  model: api && model(api),
  isConfined: true,
})
const profile = (name: string) => findProfile(listProfiles(noPrograms), name)

function makeProgram(file: string, content = '#!/bin/sh\n'): void {
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, content)
  chmodSync(file, 0o755)
}

test('a misspelt agent is a fault that names the nearest, or else all', () => {
  expect(() => profile('claud')).toThrow(
    expect.objectContaining({ code: 'agent_not_found', hint: 'Did you mean claude?' }),
  )
  expect(() => profile('zzzzzzzz')).toThrow(
    expect.objectContaining({
      hint: expect.stringContaining('claude, codex, goose, pi, opencode, gemini, qwen, copilot'),
    }),
  )
})

test("an owner's program replaces a known one of the same name", () => {
  const mine = { command: ['my-pi'], env: {}, apis: [], mode: null }
  const names = listProfiles(noPrograms, { pi: mine, other: mine }).map(({ name, command }) => `${name} ${command[0]}`)
  expect(names.filter((name) => /pi$/.test(name))).toEqual(['pi my-pi', 'other my-pi'])
})

test("a model stands in an owner's program's environment under the names they chose", () => {
  const settings = {
    command: ['x'],
    apis: [],
    mode: null,
    env: { URL: '$CLAW_MODEL_URL/chat', PLAIN: '$HOME', MISSING: '$CLAW_MODEL_TEMPER' },
  }
  const env = findProfile(listProfiles(noPrograms, { x: settings }), 'x').env(context('openai-chat'))
  expect(env).toMatchObject({
    URL: 'http://127.0.0.1:9/chat',
    PLAIN: '$HOME',
    MISSING: '$CLAW_MODEL_TEMPER',
    CLAW_MODEL_API: 'openai-chat',
  })
})

test.each([
  ['claude', 'anthropic', { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9', ANTHROPIC_API_KEY: 'k', ANTHROPIC_MODEL: 'm' }],
  [
    'goose',
    'openai-chat',
    { GOOSE_PROVIDER: 'openai', OPENAI_HOST: 'http://127.0.0.1:9', GOOSE_MODEL: 'm', GOOSE_MODE: 'approve' },
  ],
  ['goose', 'anthropic', { GOOSE_PROVIDER: 'anthropic', ANTHROPIC_HOST: 'http://127.0.0.1:9' }],
  ['codex', 'openai-responses', { CODEX_HOME: '/home/.codex', CLAW_MODEL_KEY: 'k' }],
  ['pi', 'openai-chat', { CLAW_MODEL_KEY: 'k', PI_OFFLINE: '1' }],
  ['opencode', 'openai-chat', { CLAW_MODEL_KEY: 'k', OPENCODE_DISABLE_MODELS_FETCH: '1' }],
  ['gemini', 'google', { GEMINI_API_KEY: 'k', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:9', GEMINI_MODEL: 'm' }],
  ['qwen', 'openai-chat', { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', OPENAI_MODEL: 'm' }],
  ['copilot', 'anthropic', { COPILOT_PROVIDER_TYPE: 'anthropic', COPILOT_PROVIDER_BASE_URL: 'http://127.0.0.1:9' }],
  ['copilot', 'openai-chat', { COPILOT_PROVIDER_TYPE: 'openai', COPILOT_PROVIDER_BASE_URL: 'http://127.0.0.1:9/v1' }],
] as const)('%s is pointed at %s', (name, api, env) => {
  expect(profile(name).env(context(api))).toMatchObject(env)
})

test('without a model no program is given a key or an address', () => {
  for (const each of listProfiles(noPrograms)) {
    const all = JSON.stringify([each.env(context(null)), each.files(context(null))])
    expect(all, each.name).not.toMatch(/127\.0\.0\.1|_KEY"|apiKey|base_url|baseUrl/)
  }
})

test('no key is written into a file', () => {
  for (const each of listProfiles(noPrograms)) {
    for (const api of each.apis) {
      const files = each.files({ ...context(api), model: { ...model(api), key: 'sk-secret' } })
      expect(JSON.stringify(files)).not.toContain('sk-secret')
    }
  }
})

test('base URLs are taken with and without their version', () => {
  for (const url of ['http://h/api', 'http://h/api/', 'http://h/api/v1', 'http://h/api/v1/']) {
    expect([withVersion(url, 'v1'), withoutVersion(url)]).toEqual(['http://h/api/v1', 'http://h/api'])
  }
  expect(withVersion('http://h/v1beta', 'v1beta')).toBe('http://h/v1beta')
})

test("programs are found in Claw's own modules first, then on the PATH; scripts of ours run on our Node", () => {
  makeProgram(join(base, 'modules/pi-acp/index.js'), '#!/usr/bin/env node\n')
  mkdirSync(join(base, 'modules/.bin'))
  symlinkSync('../pi-acp/index.js', join(base, 'modules/.bin/pi-acp'))
  makeProgram(join(base, 'bin/pi-acp'))
  makeProgram(join(base, 'bin/goose'))
  writeFileSync(join(base, 'bin/not-executable'), '')
  const programs = createPrograms({
    node: process.execPath,
    path: `relative:${base}/bin`,
    nodeModules: `${base}/modules`,
    privateFolders: [],
  })
  expect(programs.find('pi-acp')?.argv).toEqual([programs.node, join(base, 'modules/pi-acp/index.js')])
  expect(programs.find('goose')?.argv).toEqual([join(base, 'bin/goose')])
  expect(programs.find(join(base, 'bin/goose'))?.file).toBe(join(base, 'bin/goose'))
  for (const name of ['not-executable', 'nothing', 'bin']) expect(programs.find(name)).toBeUndefined()
})

test('a program that lies openly in a HOME does not make the HOME readable', () => {
  makeProgram(join(base, 'home/agent'))
  makeProgram(join(base, 'home/tools/agent2'))
  const programs = createPrograms({
    node: process.execPath,
    path: `${base}/home:${base}/home/tools`,
    nodeModules: '/none',
    privateFolders: [join(base, 'home')],
  })
  expect(programs.find('agent')?.readable).toEqual([join(base, 'home/agent')])
  expect(programs.find('agent2')?.readable).toContain(join(base, 'home/tools'))
})

test('an agent is usable when it is installed and has a model or a login', () => {
  const installed = new Set(['goose', 'codex-acp', 'claude-agent-acp', 'mine'])
  const programs = {
    node: '/node',
    find: (name: string) =>
      installed.has(name) ? { argv: [name] as [string], file: `/bin/${name}`, readable: [] } : undefined,
  }
  mkdirSync(join(base, '.codex'))
  writeFileSync(join(base, '.codex/auth.json'), '{}')
  const profiles = listProfiles(programs, { mine: { command: ['mine'], env: {}, apis: [], mode: null } })
  const detected = detectAgents(profiles, { programs, ownerHome: base, models: [model('openai-chat')] })
  expect(
    detected.map(({ name, missing, loggedIn, usable, model: chosen }) => [
      name,
      missing,
      loggedIn,
      chosen?.api ?? null,
      usable,
    ]),
  ).toEqual([
    ['claude', [], false, null, false],
    ['codex', [], true, null, true],
    ['goose', [], false, 'openai-chat', true],
    ['pi', ['pi-acp', 'pi'], false, 'openai-chat', false],
    ['opencode', ['opencode'], false, 'openai-chat', false],
    ['gemini', ['gemini'], false, null, false],
    ['qwen', ['qwen'], false, 'openai-chat', false],
    ['copilot', ['copilot'], false, 'openai-chat', false],
    ['mine', [], false, null, true],
  ])
})

test('agents that would act without asking are told to ask, by a mode or by their settings', () => {
  expect(profile('qwen').mode).toBe('default')
  const settings = JSON.parse(profile('opencode').files(context(null))['.config/opencode/opencode.json']!)
  expect(settings.permission).toEqual({ edit: 'ask', bash: 'ask', webfetch: 'ask' })
})

test('without a model an agent uses its own login', () => {
  const auth = (name: string, file: string) => JSON.parse(profile(name).files(context(null))[file]!).security.auth
  expect(auth('gemini', '.gemini/settings.json')).toEqual({ selectedType: 'oauth-personal' })
  expect(auth('qwen', '.qwen/settings.json')).toEqual({ selectedType: 'qwen-oauth' })
  expect(profile('copilot').env(context(null))).not.toHaveProperty('COPILOT_OFFLINE')
})

test("pi's own note of a failed model is read, and only from inside its HOME", () => {
  const session = join(base, 'home/.pi/agent/sessions/s.jsonl')
  mkdirSync(join(base, 'home/.pi/pi-acp'), { recursive: true })
  mkdirSync(join(session, '..'), { recursive: true })
  const map = (file: string) =>
    writeFileSync(
      join(base, 'home/.pi/pi-acp/session-map.json'),
      JSON.stringify({ sessions: { s: { sessionFile: file } } }),
    )
  const line = (stopReason: string) =>
    `${JSON.stringify({ type: 'message', message: { role: 'assistant', stopReason, errorMessage: '429 slow down' } })}\n`
  const read = (sessionId = 's') => readPiError({ home: join(base, 'home'), sessionId })
  map(session)
  writeFileSync(session, line('stop') + line('error'))
  expect(read()).toBe('429 slow down')
  expect(read('other')).toBeNull()
  writeFileSync(session, line('error') + line('stop'))
  expect(read()).toBeNull()
  writeFileSync(join(base, 'outside.jsonl'), line('error'))
  map(join(base, 'outside.jsonl'))
  expect(read()).toBeNull()
  rmSync(session)
  symlinkSync(join(base, 'outside.jsonl'), session)
  map(session)
  expect(read()).toBeNull()
})

test('Codex is confined once: by our sandbox where there is one, by its own where there is none', () => {
  const mode = (isConfined: boolean) => codexProfile.env({ ...context(null), isConfined })['INITIAL_AGENT_MODE']
  expect(mode(true)).toBe('agent-full-access')
  expect(mode(false)).toBe('workspace-write')
})
