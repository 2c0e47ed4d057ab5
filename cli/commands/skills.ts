import type { SkillView } from '../../daemon/skills/skills.ts'
import { connect } from '../daemon.ts'
import type { Surface } from '../surface.ts'
import { clip, oneLine, pad } from '../text.ts'
import { resolveRepo } from './add.ts'

/** The owner's own skills and those of their repositories, with whether they may be used. */
export async function list(surface: Surface, options: { repo?: string }): Promise<void> {
  const client = await connect(surface, { start: true })
  const query = options.repo === undefined ? {} : { repo: resolveRepo(options.repo, surface.cwd) }
  const { skills } = (await (await client.v1.skills.$get({ query })).json()) as { skills: SkillView[] }
  if (surface.isJson) return surface.printJson(skills)
  if (skills.length === 0)
    return surface.say(`No skills. Yours lie in ${surface.paths.skillsDir}, one folder with a SKILL.md each.`)
  for (const skill of skills) print(surface, skill)
}

function print(surface: Surface, { name, description, repository, state, words }: SkillView): void {
  const start = `${pad(oneLine(name), 24)} ${pad(state, 8)} `
  const color = state === 'on' ? 'cyan' : state === 'refused' ? 'gray' : 'yellow'
  const where = repository === null ? 'yours' : oneLine(repository)
  const rest = `${words ? oneLine(words) : oneLine(description)} (${where})`
  surface.print(`${surface.paint(color, start)}${clip(rest, Math.max(20, surface.width() - start.length))}`)
}

export async function agree(
  surface: Surface,
  name: string,
  options: { repo?: string; refuse?: boolean },
): Promise<void> {
  const client = await connect(surface, { start: true })
  const repo = options.repo === undefined ? null : resolveRepo(options.repo, surface.cwd)
  const response = await client.v1.skills.agree.$post({ json: { name, repo, allow: !options.refuse } })
  const view = (await response.json()) as SkillView
  if (surface.isJson) surface.printJson(view)
  else print(surface, view)
}
