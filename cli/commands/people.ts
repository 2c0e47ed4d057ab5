import { nearest } from '../../core/fault.ts'
import type { Role } from '../../core/person.ts'
import type { PersonView, WaitingPairing } from '../../daemon/people/people.ts'
import { connect } from '../daemon.ts'
import { usage } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { ago, oneLine, pad, span } from '../text.ts'

export interface PairOptions {
  name?: string
  role?: string
}

interface People {
  people: PersonView[]
  waiting: WaitingPairing[]
}

export async function pair(surface: Surface, code: string | undefined, options: PairOptions): Promise<void> {
  const client = await connect(surface, { start: true })
  if (code === undefined) {
    const { waiting } = (await (await client.v1.people.$get()).json()) as People
    if (surface.isJson) return surface.printJson(waiting)
    if (waiting.length === 0) return surface.say('Nobody waits. Whoever writes to Claw for the first time gets a code.')
    return tellWaiting(surface, waiting)
  }
  const json = { code, name: options.name ?? null, role: (options.role as Role | undefined) ?? null }
  const view = (await (await client.v1.people.pair.$post({ json })).json()) as PersonView
  if (surface.isJson) return surface.printJson(view)
  const { person, accounts } = view
  const where = [...new Set(accounts.map(({ channel }) => channel))].join(', ')
  surface.print(`${oneLine(person.name)} is let in as ${person.role} (${oneLine(where)})`)
  if (person.role === 'guest')
    surface.say(`More than asking how things stand: claw people role "${person.name}" member`)
}

export async function list(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: true })
  const { people, waiting } = (await (await client.v1.people.$get()).json()) as People
  if (surface.isJson) return surface.printJson({ people, waiting })
  tellPeople(surface, people)
  tellWaiting(surface, waiting)
}

export async function setRole(surface: Surface, person: string, role: string): Promise<void> {
  const roles = ['owner', 'member', 'guest']
  if (!roles.includes(role)) {
    const near = nearest(role, roles)
    throw usage(
      `There is no role ${oneLine(role)}; ${near ? `did you mean ${near}?` : `there are ${roles.join(', ')}`}`,
    )
  }
  const client = await connect(surface, { start: true })
  const response = await client.v1.people[':person'].role.$post({ param: { person }, json: { role: role as Role } })
  const view = (await response.json()) as PersonView
  if (surface.isJson) return surface.printJson(view)
  surface.print(`${oneLine(view.person.name)} is ${view.person.role}`)
}

export async function remove(surface: Surface, person: string): Promise<void> {
  const client = await connect(surface, { start: true })
  const left = (await (await client.v1.people[':person'].$delete({ param: { person } })).json()) as People
  if (surface.isJson) return surface.printJson(left.people)
  surface.print(`${oneLine(person)} is let in no longer`)
}

function tellPeople(surface: Surface, people: readonly PersonView[]): void {
  const colors = { owner: 'green', member: 'cyan', guest: 'gray' } as const
  for (const { person, accounts } of people) {
    const where = accounts.map(({ channel, name }) => (channel === 'terminal' ? 'this machine' : `${channel}: ${name}`))
    const role = surface.paint(colors[person.role], pad(person.role, 7))
    surface.print(`${pad(oneLine(person.name), 16)} ${role} ${oneLine(where.join(' · '))}`)
  }
}

function tellWaiting(surface: Surface, waiting: readonly WaitingPairing[]): void {
  for (const { channel, senderName, createdAt, expiresAt } of waiting) {
    const words = `asked ${ago(createdAt, surface.now())}, for ${span(expiresAt - surface.now())} more: claw pair CODE`
    surface.print(`${pad(oneLine(senderName), 16)} ${surface.paint('yellow', 'waits  ')} ${channel}, ${words}`)
  }
}
