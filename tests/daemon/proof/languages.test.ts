import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { survey } from '../../../daemon/planning/survey.ts'
import { classify } from '../../../daemon/proof/classify.ts'
import { commitFiles, type Fixture, git, makeRepository } from '../../fakes/repositories.ts'
import { aCheck, aContract, aVerifier } from './a-verifier.ts'

interface Language {
  fixture: Fixture
  programs: string[]
  name: string
  check: string
  /** A test that fails before and passes after `solution`. */
  acceptance: { path: string; content: string; command: string }
  solution: Record<string, string>
  breakage: Record<string, string>
}

const LANGUAGES: Language[] = [
  {
    fixture: 'typescript',
    programs: ['npm'],
    name: 'TypeScript',
    check: 'npm test',
    acceptance: {
      path: 'test/empty.test.js',
      content: `import assert from 'node:assert/strict'\nimport { slug } from '../src/slug.ts'\nassert.equal(slug(' a  b '), 'a-b')\n`,
      command: 'node test/empty.test.js',
    },
    solution: {
      'src/slug.ts':
        "export const slug = (title: string): string => title.toLowerCase().trim().split(/\\s+/).join('-')\n",
    },
    breakage: { 'src/slug.ts': 'export const slug = (title: string): string => title\n' },
  },
  {
    fixture: 'python',
    programs: ['python3'],
    name: 'Python',
    check: 'python3 -m unittest discover -s tests -t .',
    acceptance: {
      path: 'tests/test_empty.py',
      content:
        'import unittest\nfrom purse import total\n\nclass E(unittest.TestCase):\n    def test_none(self):\n        self.assertEqual(total(None), 0)\n',
      command: 'python3 -m unittest tests.test_empty',
    },
    solution: { 'purse.py': 'def total(prices):\n    return sum(prices or [])\n' },
    breakage: { 'purse.py': 'def total(prices):\n    return 0\n' },
  },
  {
    fixture: 'go',
    programs: ['go'],
    name: 'Go',
    check: 'go test ./...',
    acceptance: {
      path: 'swap_test.go',
      content:
        'package clamp\n\nimport "testing"\n\nfunc TestSwapped(t *testing.T) {\n\tif Clamp(5, 9, 1) != 5 {\n\t\tt.Fatal("swapped limits")\n\t}\n}\n',
      command: 'go test -run TestSwapped ./...',
    },
    solution: {
      'clamp.go':
        'package clamp\n\nfunc Clamp(n, low, high int) int {\n\tif low > high {\n\t\tlow, high = high, low\n\t}\n\treturn max(low, min(n, high))\n}\n',
    },
    breakage: { 'clamp.go': 'package clamp\n\nfunc Clamp(n, low, high int) int { return low }\n' },
  },
  {
    fixture: 'rust',
    programs: ['cargo'],
    name: 'Rust',
    check: 'cargo test',
    acceptance: {
      path: 'tests/upper.rs',
      content: '#[test]\nfn counts_upper_case() {\n    assert_eq!(vowels::vowels("AbE"), 2);\n}\n',
      command: 'cargo test --test upper',
    },
    solution: {
      'src/lib.rs':
        'pub fn vowels(text: &str) -> usize {\n    text.to_lowercase().chars().filter(|c| "aeiou".contains(*c)).count()\n}\n',
    },
    breakage: {
      'src/lib.rs':
        'pub fn vowels(_text: &str) -> usize { 0 }\n\n#[test]\nfn counts() {\n    assert_eq!(vowels("a"), 1);\n}\n',
    },
  },
  {
    fixture: 'java',
    programs: ['javac', 'make'],
    name: 'Java',
    check: 'make test',
    acceptance: {
      path: 'test/TenTest.java',
      content:
        'final class TenTest {\n    public static void main(String[] args) {\n        if (!Roman.of(10).equals("X")) throw new AssertionError();\n    }\n}\n',
      command: 'mkdir -p out && javac -d out src/Roman.java test/TenTest.java && java -cp out TenTest',
    },
    solution: {
      'src/Roman.java':
        'final class Roman {\n    static String of(int n) {\n        return n == 10 ? "X" : new String[] {"", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"}[n];\n    }\n}\n',
    },
    breakage: {
      'src/Roman.java': 'final class Roman {\n    static String of(int n) {\n        return "I";\n    }\n}\n',
    },
  },
  {
    fixture: 'c',
    programs: ['cc', 'make'],
    name: 'C',
    check: 'make test',
    acceptance: {
      path: 'test/test_lcm.c',
      content: '#include "gcd.h"\nint main(void) { return lcm(4, 6) == 12 ? 0 : 1; }\n',
      command: 'mkdir -p build && cc -Isrc -o build/lcm src/gcd.c test/test_lcm.c && ./build/lcm',
    },
    solution: {
      'src/gcd.h': 'unsigned gcd(unsigned a, unsigned b);\nunsigned lcm(unsigned a, unsigned b);\n',
      'src/gcd.c':
        '#include "gcd.h"\nunsigned gcd(unsigned a, unsigned b) { return b ? gcd(b, a % b) : a; }\nunsigned lcm(unsigned a, unsigned b) { return a / gcd(a, b) * b; }\n',
    },
    breakage: { 'src/gcd.c': '#include "gcd.h"\nunsigned gcd(unsigned a, unsigned b) { return a + b; }\n' },
  },
]

const PATH = (process.env['PATH'] ?? '').split(delimiter)
const isThere = (program: string) => PATH.some((folder) => existsSync(join(folder, program)))

describe.each(LANGUAGES)('a $fixture repository', (language) => {
  const missing = language.programs.filter((program) => !isThere(program))

  test(`survey, set-up, baseline, proof${missing.length > 0 ? ` (skipped: ${missing.join(', ')} is not installed)` : ''}`, async (context) => {
    if (missing.length > 0) return context.skip()
    const path = makeRepository(language.fixture)
    const base = git(path, 'rev-parse', 'HEAD')
    const good = commitFiles(path, language.solution)
    const bad = commitFiles(path, language.breakage)
    const { open, verifier, tag } = await aVerifier()
    const repository = await open(path)

    const facts = await survey({ repository, commit: base })
    expect(facts.languages.map(({ name }) => name)).toContain(language.name)
    // Rust keeps its tests in the source.
    expect(facts.tests.files > 0).toBe(language.fixture !== 'rust')
    expect(facts.recipe.suggestedChecks[0]).toEqual({ name: 'test', command: language.check })

    const { path: file, content, command } = language.acceptance
    const contract = aContract({
      footprint: ['**'],
      overlay: [{ path: file, content }],
      checks: [
        aCheck({ name: 'point', command, kind: 'fails-before', timeoutSeconds: 300 }),
        aCheck({ name: 'own tests', command: language.check, timeoutSeconds: 300 }),
      ],
    })
    // The overlay would break the repository's own tests on the base where the compiler reads both.
    const holds = { ...contract, overlay: [], checks: contract.checks.slice(1) }
    const before = await verifier.baseline({ repository, contract, base, tag })
    expect(before.checks[0], before.checks[0]?.result.tail).toMatchObject({ verdict: 'consistent' })
    const green = await verifier.baseline({ repository, contract: holds, base, tag })
    expect(green.checks[0], green.checks[0]?.result.tail).toMatchObject({ verdict: 'consistent' })

    const proof = await verifier.verify({ repository, contract, base, commit: good, kind: 'task', tag })
    expect(proof, JSON.stringify(proof.results)).toMatchObject({ passed: true })

    const red = await verifier.verify({ repository, contract: holds, base, commit: bad, kind: 'task', tag })
    expect(red.passed).toBe(false)
    expect(classify(red)).toMatchObject({ failure: 'work' })
  }, 600_000)
})
