import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { listSettings, loadConfig, readConfig } from '../../config/load.ts'
import { Config } from '../../config/schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'claw-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const read = (text: string, env: Record<string, string> = {}) => readConfig(text, 'config.yaml', env)

test('no file, an empty file and an empty section are whole configurations', () => {
  const defaults = Config.parse({})
  expect(loadConfig(join(folder, 'none.yaml'), {})).toEqual(defaults)
  expect(read('')).toEqual(defaults)
  expect(read('runs:\nhttp:\n')).toEqual(defaults)
})

test('the file is laid over the defaults and a variable over the file', () => {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, 'runs:\n  max: 7\n  silenceSeconds: 60\n')
  const config = loadConfig(file, { CLAW_RUNS_MAX: '9', CLAW_AGENTS_ORDER: 'pi, goose', CLAW_BRAIN_REVIEW: 'false' })
  expect(config.runs).toMatchObject({ max: 9, silenceSeconds: 60 })
  expect(config.agents.order).toEqual(['pi', 'goose'])
  expect(config.brain.review).toBe(false)
})

test('what is read cannot be changed, however deep', () => {
  const config = read('agents:\n  order: [pi]\n')
  expect(() => (config.agents.order as string[]).push('x')).toThrow(TypeError)
})

test('a table that is absent by default can be filled by variables alone', () => {
  const config = read('', { CLAW_MODEL_PROVIDER: 'openai', CLAW_MODEL_MODEL: 'm-1' })
  expect(config.model).toEqual({ provider: 'openai', model: 'm-1', baseUrl: null, key: null })
})

describe('what is wrong is refused in one line that names it', () => {
  test.each<[string, string, Record<string, string>, string]>([
    ['an unknown key', 'runs:\n  maxx: 3\n', {}, 'config.yaml:2: unknown key "runs.maxx"; did you mean "runs.max"?'],
    ['an unknown section', 'htttp: {}\n', {}, 'config.yaml:1: unknown key "htttp"; did you mean "http"?'],
    ['a value out of range', '\nhttp:\n  port: 99999999\n', {}, 'config.yaml:3: "http.port" is 99999999'],
    [
      'an unknown choice',
      'goals:\n  land: brnch\n',
      {},
      'config.yaml:2: "goals.land" is "brnch"; did you mean "branch"?',
    ],
    ['a wrong kind', 'runs: 3', {}, 'config.yaml:1: "runs" is 3'],
    ['a key of a nested table', 'agents:\n  custom:\n    x:\n      comand: [a]', {}, 'config.yaml:4: unknown key'],
    ['a missing value', 'model:\n  provider: openai\n', {}, 'config.yaml:1: "model.model" is missing'],
    ['broken YAML', 'a: [', {}, 'config.yaml:1:5: not YAML'],
    ['a key twice', 'runs: {}\nruns: {}', {}, 'config.yaml:2:1: not YAML'],
    ['an alias without an anchor', 'a: *x', {}, 'config.yaml: not YAML: Unresolved alias'],
    ['a list', '- a', {}, 'config.yaml:1: expected keys and values'],
    [
      'an unknown variable',
      '',
      { CLAW_RUNS_MAXX: '1' },
      'unknown variable CLAW_RUNS_MAXX; did you mean CLAW_RUNS_MAX?',
    ],
    ['a wrong variable', '', { CLAW_RUNS_MAX: 'x' }, 'environment variable CLAW_RUNS_MAX: "runs.max" is "x"'],
    ['half a table', '', { CLAW_MODEL_PROVIDER: 'openai' }, 'CLAW_MODEL_PROVIDER: "model.model" is missing'],
  ])('%s', (_, text, env, words) => {
    expect(() => read(text, env)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(words) }),
    )
  })

  test('several problems: the first is said, all are in the details', () => {
    const problems = (() => {
      try {
        read('runs:\n  max: 0\n  maxx: 1\n')
      } catch (error) {
        return error as { message: string; details: { problems: string[] } }
      }
    })()
    expect(problems?.message).toMatch(/unknown key "runs.maxx".*\(and 1 more\)$/)
    expect(problems?.details.problems).toHaveLength(2)
  })

  test('a file that cannot be read', () => {
    expect(() => loadConfig(folder, {})).toThrow(expect.objectContaining({ code: 'config_invalid' }))
  })
})

test('variables that are not settings are left alone', () => {
  expect(() => read('', { CLAW_HOME: '/x', CLAW_RUN_ID: 'run_1', CLAW_DEBUG: '1', PATH: '/bin' })).not.toThrow()
})

test('no two settings share a variable', () => {
  const variables = listSettings().map((setting) => setting.variable)
  expect(new Set(variables).size).toBe(variables.length)
  expect(variables).toContain('CLAW_RUNS_SILENCE_SECONDS')
})
