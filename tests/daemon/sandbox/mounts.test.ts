import { expect, test } from 'vitest'
import { type Found, orderMounts } from '../../../daemon/sandbox/mounts.ts'

const none = { hidden: [], scratch: [], readable: [], writable: [] }
const folder = (path: string): Found => ({ path, kind: 'folder' })

test('a readable below a hidden and a writable below a readable come after it', () => {
  const mounts = orderMounts(
    {
      ...none,
      hidden: ['/home', '/home/me/.claw'],
      readable: ['/home/me/.claw/repo'],
      writable: ['/home/me/.claw/repo/w'],
    },
    folder,
  )
  expect(mounts.map(({ path, as }) => `${as} ${path}`)).toEqual([
    'hidden /home',
    'hidden /home/me/.claw',
    'readable /home/me/.claw/repo',
    'writable /home/me/.claw/repo/w',
  ])
})

test('something secret inside a readable folder stays hidden', () => {
  const mounts = orderMounts({ ...none, hidden: ['/src/.claw'], readable: ['/src'] }, folder)
  expect(mounts.map(({ as }) => as)).toEqual(['readable', 'hidden'])
})

test('on the same path the wish for this program wins over the standing one', () => {
  const mounts = orderMounts(
    { ...none, hidden: ['/tmp'], scratch: ['/tmp'], readable: ['/tmp'], writable: ['/tmp'] },
    folder,
  )
  expect(mounts).toEqual([{ path: '/tmp', as: 'writable', kind: 'folder' }])
})

test('symlinks are resolved before they are compared', () => {
  const look = (path: string) => folder(path.replace('/var/run', '/run'))
  expect(orderMounts({ ...none, hidden: ['/var/run', '/run'] }, look)).toHaveLength(1)
})

test('what does not exist is left out, but a missing writable folder and a relative path are faults', () => {
  const nothing = () => undefined
  expect(orderMounts({ ...none, hidden: ['/a'], readable: ['/b'] }, nothing)).toEqual([])
  expect(() => orderMounts({ ...none, writable: ['/a'] }, nothing)).toThrow('/a must be writable')
  expect(() => orderMounts({ ...none, hidden: ['a'] }, folder)).toThrow('absolute')
  expect(() => orderMounts({ ...none, writable: ['/'] }, folder)).toThrow('/ cannot be writable')
})
