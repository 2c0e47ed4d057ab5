import type { z } from 'zod'
import type { AgentStats, Customs, FlakyCheck, Recipe } from './counting.ts'

/** What was counted, in sentences: the part of the note that an owner and a planner read. Pure. */
export function customsText({ checks, testFolders }: Pick<z.infer<typeof Customs>, 'checks' | 'testFolders'>): string {
  const list = (items: readonly (readonly [string, number])[]) =>
    items.map(([name, times]) => `- \`${name}\` (${times === 1 ? 'one goal' : `${times} goals`})`).join('\n')
  const parts = [
    ...(checks.length > 0 ? [`Commands that showed that work is good:\n\n${list(checks)}`] : []),
    ...(testFolders.length > 0 ? [`Folders that tests were put into:\n\n${list(testFolders)}`] : []),
  ]
  return parts.join('\n\n')
}

export function recipeText(recipe: Recipe): string {
  const how = recipe.worked ? 'This made a clean checkout ready' : 'This did NOT make a clean checkout ready'
  const commands =
    recipe.commands.length > 0 ? `\n\n\`\`\`sh\n${recipe.commands.join('\n')}\n\`\`\`` : '\n\nNothing needs to be run.'
  return `${how} on ${new Date(recipe.at).toISOString().slice(0, 10)}:${commands}${recipe.lesson ? `\n\n${recipe.lesson}` : ''}`
}

export function checksText(checks: readonly FlakyCheck[]): string {
  const flaky = checks.filter(({ trees }) => trees > 0)
  if (flaky.length === 0) return `${checks.length} checks were watched; none was seen to be flaky.`
  const lines = flaky.map(
    (check) =>
      `- \`${check.command}\` is flaky: on ${check.trees} trees it both passed and failed (${check.passes} passes, ${check.failures} failures in all).`,
  )
  return `These checks gave different results on one and the same tree:\n\n${lines.join('\n')}`
}

export function changesText(changes: readonly { files: string[] }[]): string {
  const counts = new Map<string, number>()
  for (const { files } of changes) {
    const sorted = [...files].sort()
    for (const [i, a] of sorted.entries())
      for (const b of sorted.slice(i + 1))
        counts.set(`\`${a}\` and \`${b}\``, (counts.get(`\`${a}\` and \`${b}\``) ?? 0) + 1)
  }
  const pairs = [...counts]
    .filter(([, count]) => count > 1)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 20)
  if (pairs.length === 0) return `${changes.length} changes were watched; no two files changed together twice.`
  return `Of the last ${changes.length} changes:\n\n${pairs.map(([pair, count]) => `- ${pair} changed together ${count} times`).join('\n')}`
}

export function resultsText(stats: readonly AgentStats[]): string {
  return stats
    .map(
      ({ agent, kindOfTask, tasks, passed, runsPerTask }) =>
        `- ${agent}, ${kindOfTask}: ${passed} of ${tasks} tasks proven, ${runsPerTask.toFixed(1)} runs each`,
    )
    .join('\n')
}
