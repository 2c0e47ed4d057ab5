import { describe, expect, test } from 'vitest'
import { isVacuous } from '../../../daemon/proof/vacuous.ts'

describe('a command that passes whatever the work is worth is vacuous', () => {
  test.each([
    'true',
    ':',
    '/bin/true',
    'exit 0',
    'exit',
    'echo ok',
    'printf done',
    'npm test || true',
    'npm test || exit 0',
    'npm test || echo "it failed"',
    'npm test; true',
    'npm test ; exit 0',
    'npm test\ntrue',
    'exit 0; npm test',
    'true && echo ok',
    'npm test | tee out.log',
    'npm test 2>&1 | tail -5',
    'npm test &',
    '! false',
    '(npm test; true)',
    '{ npm test || true; }',
    "sh -c 'npm test || true'",
    'bash -lc "true"',
    'CI=1 true',
    'X=1',
    '[ 1 ]',
    'test a = a',
    'true # npm test',
    '# npm test',
    '   ',
    'if npm test; then echo ok; fi; true',
    'set -e; true; echo ok',
    'npm test || (echo failed; true)',
  ])('%s', (command) => {
    expect(isVacuous(command)).toBe(true)
  })
})

describe('a command that can fail has a meaning', () => {
  test.each([
    'npm test',
    'npm test && echo ok',
    'echo start; npm test',
    'set -e; npm test; true',
    'set -euo pipefail\nnpm test\necho ok',
    'set -o pipefail; npm test | tee out.log',
    'node -e "process.exit(require(\'./a.js\')() === 2 ? 0 : 1)"',
    'node -e "a || true; process.exit(1)"',
    'test -f docs/report.md',
    '[ -s a.txt ]',
    'test "$(cat a.txt)" = hello',
    'X=$(cat a.txt)',
    'curl -sf localhost:80 | grep -q ok',
    'grep -q "exit 0" run.sh',
    'echo "$OUT" | grep -q yes',
    '! grep -q TODO src/a.ts',
    '! true',
    'false || npm test',
    'if npm test; then exit 0; else exit 1; fi',
    "node - <<'END'\nprocess.exit(1); true\nEND",
    "sh -c 'npm test'",
    'exit 1',
    'npm test 2>&1',
  ])('%s', (command) => {
    expect(isVacuous(command)).toBe(false)
  })
})
