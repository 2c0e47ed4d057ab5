import { type Redactor, redactJson } from '../../core/redact.ts'
import type { Memory } from '../../memory/memory.ts'

/** A memory that writes down no secret, whoever writes: notes are files, kept for good and shown to models. */
export function cleanNotes<M extends Pick<Memory, 'remember' | 'edit'>>(
  memory: M,
  redactor: Pick<Redactor, 'text'>,
): M {
  const clean = <T>(note: T): T => redactJson(note, redactor) as T
  return new Proxy(memory, {
    get(target, name) {
      if (name === 'remember') return (draft: Parameters<M['remember']>[0]) => target.remember(clean(draft))
      if (name === 'edit')
        return (id: Parameters<M['edit']>[0], change: Parameters<M['edit']>[1]) => target.edit(id, clean(change))
      return Reflect.get(target, name)
    },
  })
}
