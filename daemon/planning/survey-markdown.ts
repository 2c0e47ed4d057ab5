import type { Survey } from './survey.ts'

export const SURVEY_CHARS_MAX = 12_000

/**
 * A survey as the planner reads it. Never longer than SURVEY_CHARS_MAX: facts come first and are
 * short, documents share what is left.
 *
 * Whatever the repository's own people wrote stands between marks that name it as data, and
 * cannot close them: a sentence in a README is no instruction to the planner.
 */
export function surveyToMarkdown(survey: Survey): string {
  const { recipe } = survey
  const line = (name: string, value: string) => (value === '' ? [] : [`- ${name}: ${value}`])
  const facts = [
    '## The repository',
    '',
    ...line('Commit', survey.commit),
    ...line('Default branch', oneLine(survey.defaultBranch ?? '')),
    ...line('Files', String(survey.files)),
    ...line(
      'Languages',
      survey.languages
        .slice(0, 8)
        .map(({ name, files }) => `${name} (${files})`)
        .join(', '),
    ),
    ...line('Built with', recipe.ecosystems.join(', ')),
    ...line(
      'Test files',
      survey.tests.files === 0
        ? 'none found'
        : `${survey.tests.files}, for example ${oneLine(survey.tests.examples.join(', '), 400)}`,
    ),
    ...line(
      'Set-up',
      recipe.setup.length === 0 ? 'nothing is needed' : recipe.setup.map((step) => code(step.command)).join(', then '),
    ),
    ...line('Set-up known from', recipe.source === 'none' ? '' : recipe.source),
    ...line('Files several tasks may change', oneLine(recipe.sharedPaths.slice(0, 20).join(', '), 400)),
    '',
    '### Checks that seem to exist (not run yet)',
    '',
    ...(recipe.suggestedChecks.length === 0
      ? ['None found.']
      : recipe.suggestedChecks.slice(0, 12).map(({ name, command }) => `- ${oneLine(name, 60)}: ${code(command)}`)),
  ]
  const scripts = Object.entries(survey.scripts).map(
    ([name, command]) => `${oneLine(name, 60)}: ${oneLine(command, 160)}`,
  )
  const log = survey.log.map((entry) => `${entry.commit.slice(0, 8)} ${oneLine(entry.subject, 100)}`)
  const sections = [
    facts.join('\n').slice(0, 3_000),
    section('Package scripts', 'package.json', scripts.join('\n'), 1_200),
    section('Recent commits', 'git log', log.join('\n'), 1_500),
    section('Files', 'git ls-tree', survey.tree.map((path) => oneLine(path, 160)).join('\n'), 2_800),
  ].filter((text) => text !== '')
  let used = sections.join('\n\n').length
  for (const [n, document] of survey.documents.entries()) {
    const share = Math.floor((SURVEY_CHARS_MAX - used) / (survey.documents.length - n)) - 200
    if (share < 200) break
    const text = section(document.path, document.path, document.text, share, document.cut)
    sections.push(text)
    used += text.length + 2
  }
  return sections.join('\n\n')
}

function section(title: string, source: string, text: string, charsMax: number, alreadyCut = false): string {
  if (text.trim() === '') return ''
  const cut = text.length > charsMax
  // The end mark cannot be written from inside.
  const inside = (cut ? text.slice(0, charsMax) : text).replace(/<(\/?)(repository-data)/gi, '‹$1$2')
  const more = cut || alreadyCut ? '\n… (cut here)' : ''
  return `### ${oneLine(title, 100)}\n\n<repository-data source="${oneLine(source, 100).replaceAll('"', "'")}">\n${inside.trimEnd()}${more}\n</repository-data>`
}

function oneLine(text: string, charsMax = 200): string {
  const flat = text.replace(/\s+/g, ' ').trim()
  return flat.length <= charsMax ? flat : `${flat.slice(0, charsMax - 1)}…`
}

function code(command: string): string {
  return `\`${oneLine(command, 300).replaceAll('`', "'")}\``
}
