import { spawnSync } from 'node:child_process'
import { Fault } from '../core/fault.ts'
import { usage } from './exit.ts'
import type { Surface } from './surface.ts'

/** The owner's editor. Asked for before anything is written for it. */
export function editorOf({ env }: Surface, otherwise: string): string {
  const editor = env['VISUAL'] || env['EDITOR']
  if (!editor) throw usage(`Set VISUAL or EDITOR, or ${otherwise}`)
  return editor
}

/** Returns when the file was closed. */
export function openEditor(surface: Surface, editor: string, file: string): void {
  const { status } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit', env: surface.env })
  if (status !== 0) throw new Fault('command_failed', `${editor} ended with ${status}`)
}
