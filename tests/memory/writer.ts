import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/world.ts'
import { createMemory } from '../../memory/create-memory.ts'
import { openLocalEngine } from '../../memory/engine/local-engine.ts'
import type { MemorySettings } from '../../memory/memory.ts'

/**
 * A process that works on a memory until it is killed: it says on its standard output what
 * was acknowledged, one line for each.
 */
const [what = '', settings = '{}'] = process.argv.slice(2)
const given = JSON.parse(settings) as MemorySettings
const say = (line: string) => process.stdout.write(`${line}\n`)

if (what === 'merge') {
  // The engine in this very process, so that the kill falls into LanceDB's own work.
  const engine = await openLocalEngine({ dir: `${given.indexDir}/engine`, index: 'lance', embedder: { kind: 'none' } })
  for (let i = 0; ; i++) {
    const id = `note_m${i % 50}`
    await engine.put(
      [
        {
          id,
          scope: 'global',
          kind: 'fact',
          title: 't',
          at: null,
          past: false,
          format: 'document',
          body: `merged word${i % 50}`,
        },
      ],
      false,
    )
    say(`put ${id}`)
    await engine.optimize(systemClock.now())
    say('merged')
  }
}

const memory = await createMemory({ clock: systemClock, log: silentLog }, given)
if (what === 'write') {
  for (let i = 0; ; i++) {
    const { note } = await memory.remember({
      text: `Acknowledged fact number${i} about place${i * 7}`,
      source: { from: 'owner', ref: null },
    })
    say(`${note.id} number${i}`)
    if (i % 10 === 9) await memory.settled()
  }
}
if (what === 'reindex') {
  await memory.settled()
  for (;;) {
    say('reindexing')
    await memory.reindex()
    say('reindexed')
  }
}
if (what === 'hold') {
  await memory.settled()
  say('holding')
  await new Promise(() => {})
}
