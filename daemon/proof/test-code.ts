/**
 * Reads from changed lines what happened to tests, in several languages. Pure, by patterns: it
 * lists what a person should look at and judges nothing.
 */

const TEST_PATHS = [
  /(^|\/)(__tests__|tests?|specs?|testing|e2e|androidTest)\//,
  /\.(test|spec|cy|e2e)\.[cm]?[jt]sx?$/,
  /(^|\/)(test_[^/]+|[^/]+_test|conftest)\.py$/,
  /_test\.go$/,
  /(^|\/)[A-Z]\w*(Tests?|IT|Spec|TestCase)\.(java|kt|scala|groovy|cs)$|(^|\/)Test[A-Z]\w*\.(java|kt)$/,
  /(^|\/)(test_[^/]+|[^/]+_test|[^/]+_tests?)\.(c|cc|cpp|cxx|rs|rb|sh)$/,
  /_spec\.rb$/,
]

export function isTestPath(path: string): boolean {
  return TEST_PATHS.some((pattern) => pattern.test(path)) && !/\.(md|txt|lock)$/.test(path)
}

/** Rust keeps tests beside the code: there a line counts wherever it stands. */
export function mayHoldTests(path: string): boolean {
  return isTestPath(path) || path.endsWith('.rs')
}

const COMMENT = /^\s*(\/\/|#(?!\[)|\*|\/\*|--)/

const CASE = [
  /\b(it|test|specify|scenario)(\.(each|for|concurrent|only|skip|todo|fails))*\s*(\(|`)/,
  /^\s*(async\s+)?def\s+test\w*\s*\(/,
  /^\s*func\s+(Test|Fuzz)\w*\s*\(/,
  /#\[(\w+::)?test(\(|\])/,
  /@(Parameterized|Repeated)?Test\b/,
  /^\s*(TEST|TEST_F|TEST_P|TEST_CASE|SCENARIO)\s*\(/,
  /^\s*(static\s+)?void\s+test_\w+\s*\(/,
]

const ASSERTION = [
  /\bexpect(TypeOf)?\s*\(/,
  /\bassert\w*\s*[(.!]|\bassert\s/,
  /\bself\.(assert|fail)\w*\s*\(/,
  /\bpytest\.(raises|warns|approx)\b/,
  /\bt\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\s*\(/,
  /\b(require|assert)\.\w+\s*\(/,
  /\bassert(_eq|_ne|_matches)?!\s*\(/,
  /\b(verify|fail)\s*\(/,
  /\b(EXPECT|ASSERT|CHECK|REQUIRE)(_\w+)?\s*\(/,
  /\.should(\.|\()/,
]

const SKIP = [
  /\b(it|test|describe|suite|context)\.(skip|todo|fails|skipIf)\b|\b(xit|xtest|xdescribe)\s*\(|\b(it|test)\([^)]*\{\s*(skip|todo):\s*(true|['"])/,
  /\b(t|this|ctx|context)\.skip\s*\(/,
  /@(pytest\.mark\.(skip|skipif|xfail)|unittest\.(skip|skipIf|skipUnless|expectedFailure))\b|\bpytest\.(skip|xfail)\s*\(|\bself\.skipTest\s*\(/,
  /\bt\.(Skip|Skipf|SkipNow)\s*\(/,
  /#\[ignore\b|#\[cfg\(any\(\)\)\]/,
  /@(Disabled|Ignore)\b|\bassume(True|False|That)\s*\(/,
  /\b(GTEST_SKIP|DISABLED_\w+|TEST_IGNORE)\b/,
]

const ONLY = /\b(it|test|describe|suite|context)\.only\b|\b(fit|fdescribe)\s*\(/

export interface TestCount {
  cases: number
  assertions: number
  skips: number
  only: number
}

export function countTests(lines: readonly { text: string }[]): TestCount {
  const count: TestCount = { cases: 0, assertions: 0, skips: 0, only: 0 }
  for (const { text } of lines) {
    if (COMMENT.test(text)) continue
    if (CASE.some((pattern) => pattern.test(text))) count.cases++
    if (ASSERTION.some((pattern) => pattern.test(text))) count.assertions++
    if (SKIP.some((pattern) => pattern.test(text))) count.skips++
    if (ONLY.test(text)) count.only++
  }
  return count
}

export function isAssertion(text: string): boolean {
  return !COMMENT.test(text) && ASSERTION.some((pattern) => pattern.test(text))
}
