import { expect, test } from 'vitest'
import { splitCommands } from '../../../daemon/agents/shell-words.ts'

test.each([
  ['npm test', [['npm', 'test']]],
  [
    'npm ci && npm test',
    [
      ['npm', 'ci'],
      ['npm', 'test'],
    ],
  ],
  ['a|b ; c || d', [['a'], ['b'], ['c'], ['d']]],
  ['a\nb', [['a'], ['b']]],
  ["grep 'a && b' file", [['grep', 'a && b', 'file']]],
  ['grep "a; b" file', [['grep', 'a; b', 'file']]],
  ['echo a\\;b', [['echo', 'a;b']]],
  [
    'npm test 2>&1 | tail -20',
    [
      ['npm', 'test'],
      ['tail', '-20'],
    ],
  ],
  ['npm test > /dev/null 2>&1', [['npm', 'test']]],
  ['ls src/*.ts', [['ls', 'src/*.ts']]],
  ["git log --format='%h $x'", [['git', 'log', '--format=%h $x']]],
  ["n''pm test", [['npm', 'test']]],
])('takes apart %j', (line, commands) => {
  expect(splitCommands(line)).toEqual(commands)
})

test.each([
  'npm test $(rm -rf /)',
  'npm test `rm -rf /`',
  'npm test "$(rm -rf /)"',
  'npm test "`rm -rf /`"',
  'npm test $HOME',
  'npm test & rm -rf /',
  'npm test > ~/.bashrc',
  'npm test >> file',
  'npm test 2> file',
  'npm test >&file',
  'cat <(rm x)',
  'cat << EOF',
  '(rm x)',
  '{ rm x; }',
  'PATH=/evil npm test',
  'if true; then rm x; fi',
  'npm test &&',
  '&& npm test',
  'npm test |',
  'npm test |& sh',
  'npm test; ; x',
  'echo "unfinished',
  "echo 'unfinished",
  'echo \\',
  'npm\\\ntest',
  '*pm test',
  '"" x',
  '! npm test',
  '# npm test',
  '',
  '  ',
])('cannot tell what %j runs', (line) => {
  expect(splitCommands(line)).toBeUndefined()
})
