import { readFileSync } from 'node:fs'

/** The words that go to models, from the files in `guidance/`. */
export interface Guidance {
  /** What a server says of itself to an owner's client, and to an agent at work. */
  owner: string
  run: string
  planGoal(values: { text: string; repo: string }): string
  reviewResult(values: { what: string }): string
  writeNote(values: { topic: string }): string
}

export function loadGuidance(): Guidance {
  const read = (name: string) => readFileSync(new URL(`./guidance/${name}.md`, import.meta.url), 'utf8').trim()
  const planGoal = read('plan-goal')
  const reviewResult = read('review-result')
  const writeNote = read('write-note')
  return {
    owner: read('owner'),
    run: read('run'),
    planGoal: (values) => put(planGoal, values),
    reviewResult: (values) => put(reviewResult, values),
    writeNote: (values) => put(writeNote, values),
  }
}

/** Values are put in as they are and never read for variables again. */
function put(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new TypeError(`A prompt wants ${name}, which was not given`)
    return value.trim()
  })
}
