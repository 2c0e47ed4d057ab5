import { spawnSync } from 'node:child_process'
import { existsSync, symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { type Fixture, git, makeRepository } from '../fakes/repositories.ts'
import { fileAt, openRoom, plan, task, taskOf } from './daemon-room.ts'

interface Language {
  fixture: Fixture
  programs: string[]
  /** What the repository itself says it is checked with. */
  holds: string
  /** A test of the planner's that is laid over the checkout: it fails before the work. */
  test: { path: string; content: string; command: string }
  solution: { path: string; text: string }
}

const LANGUAGES: Language[] = [
  {
    fixture: 'typescript',
    programs: ['npm'],
    holds: 'npm test',
    test: {
      path: 'acceptance/empty.mjs',
      content: `import assert from 'node:assert/strict'\nimport { slug } from '../src/slug.ts'\nassert.equal(slug(' a  b '), 'a-b')\n`,
      command: 'node acceptance/empty.mjs',
    },
    solution: {
      path: 'src/slug.ts',
      text: "export const slug = (title: string): string => title.toLowerCase().trim().split(/\\s+/).join('-')\n",
    },
  },
  {
    fixture: 'python',
    programs: ['python3'],
    holds: 'python3 -m unittest discover -s tests -t .',
    test: {
      path: 'acceptance_none.py',
      content: 'from purse import total\nassert total(None) == 0\n',
      command: 'python3 acceptance_none.py',
    },
    solution: { path: 'purse.py', text: 'def total(prices):\n    return sum(prices or [])\n' },
  },
  {
    fixture: 'go',
    programs: ['go'],
    holds: 'go test ./...',
    test: {
      path: 'swap_test.go',
      content:
        'package clamp\n\nimport "testing"\n\nfunc TestSwapped(t *testing.T) {\n\tif Clamp(5, 9, 1) != 5 {\n\t\tt.Fatal("swapped limits")\n\t}\n}\n',
      command: 'go test -run TestSwapped ./...',
    },
    solution: {
      path: 'clamp.go',
      text: 'package clamp\n\nfunc Clamp(n, low, high int) int {\n\tif low > high {\n\t\tlow, high = high, low\n\t}\n\treturn max(low, min(n, high))\n}\n',
    },
  },
  {
    fixture: 'rust',
    programs: ['cargo'],
    holds: 'cargo test --lib',
    test: {
      path: 'tests/upper.rs',
      content: '#[test]\nfn counts_upper_case() {\n    assert_eq!(vowels::vowels("AbE"), 2);\n}\n',
      command: 'cargo test --test upper',
    },
    solution: {
      path: 'src/lib.rs',
      text: 'pub fn vowels(text: &str) -> usize {\n    text.to_lowercase().chars().filter(|c| "aeiou".contains(*c)).count()\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn counts() {\n        assert_eq!(vowels("banana"), 3);\n    }\n}\n',
    },
  },
  {
    fixture: 'java',
    programs: ['javac', 'make'],
    holds: 'make test',
    test: {
      path: 'acceptance/TenTest.java',
      content:
        'final class TenTest {\n    public static void main(String[] args) {\n        if (!Roman.of(10).equals("X")) throw new AssertionError();\n    }\n}\n',
      command: 'mkdir -p out && javac -d out src/Roman.java acceptance/TenTest.java && java -cp out TenTest',
    },
    solution: {
      path: 'src/Roman.java',
      text: 'final class Roman {\n    static String of(int n) {\n        return n == 10 ? "X" : new String[] {"", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"}[n];\n    }\n}\n',
    },
  },
  {
    fixture: 'c',
    programs: ['cc', 'make'],
    holds: 'make test',
    test: {
      path: 'acceptance/self.c',
      content: '#include "gcd.h"\nint main(void) { return lcm(4, 6) == 12 ? 0 : 1; }\n',
      command: 'mkdir -p build && cc -Isrc -o build/lcm src/*.c acceptance/self.c && ./build/lcm',
    },
    solution: {
      path: 'src/gcd.h',
      text: 'unsigned gcd(unsigned a, unsigned b);\nstatic inline unsigned lcm(unsigned a, unsigned b) { return a / gcd(a, b) * b; }\n',
    },
  },
]

/** Tool chains that live in a home are found in the owner's, wherever this machine has them. */
function linkToolchains(ownerHome: string): void {
  for (const name of ['.cargo', '.rustup']) {
    if (existsSync(join(homedir(), name))) symlinkSync(join(homedir(), name), join(ownerHome, name))
  }
}

const PATH = (process.env['PATH'] ?? '').split(delimiter)
const isThere = (program: string) => PATH.some((folder) => existsSync(join(folder, program)))

/** Whether the Node that is found inside a sandbox reads TypeScript: a checkout below /tmp hides its own there. */
function readsTypes(): boolean {
  const path = PATH.filter((folder) => !folder.startsWith('/tmp/')).join(delimiter)
  const { status } = spawnSync('node', ['--input-type=module-typescript', '-e', 'const n: number = 1'], {
    env: { PATH: path },
  })
  return status === 0
}

/** From survey to landing, as the owner of such a repository has it. A tool chain that is not there is named. */
export function languageScenarios(fixtures: readonly Fixture[]): void {
  test.for(LANGUAGES.filter(({ fixture }) => fixtures.includes(fixture)))(
    'a small $fixture repository is set up, checked on its base, changed, proven and landed',
    { timeout: 300_000 },
    async (language, context) => {
      const { fixture, programs, holds, test: check, solution } = language
      const missing = programs.filter((program) => !isThere(program))
      if (missing.length > 0) return context.skip(`${missing.join(', ')} is not installed`)
      if (fixture === 'typescript' && !readsTypes())
        return context.skip('a sandbox hides /tmp, and with it the only Node here that reads types')
      const room = await openRoom({ prepareOwner: linkToolchains, env: { RUSTUP_HOME: join(homedir(), '.rustup') } })
      const repository = makeRepository(fixture)
      const checks = [
        { name: 'the point', command: check.command, kind: 'fails-before' as const, timeoutSeconds: 300 },
        { name: 'own tests', command: holds, timeoutSeconds: 300 },
      ]
      const overlay = [{ path: check.path, content: check.content }]
      // Where the compiler reads all tests at once, the repository's own cannot hold beside one that does not build yet.
      const own = fixture === 'go' ? checks.slice(0, 1) : checks
      const change = task('a', [{ do: 'write', ...solution }], { footprint: [solution.path], overlay, checks: own })
      await room.add(plan([change]), repository)
      const view = await room.settled()
      expect(view.goal.state, room.picture()).toBe('met')
      expect(taskOf(view, 'a').proofs.map(({ kind, passed }) => [kind, passed])).toEqual([
        ['task', true],
        ['landing', true],
      ])
      expect(fileAt(repository, 'main', solution.path)).toBe(solution.text)
      // The planner's test and what the tools left behind are not part of the work.
      expect(git(repository, 'diff', '--name-only', 'HEAD^', 'HEAD')).toBe(solution.path)
    },
  )
}
