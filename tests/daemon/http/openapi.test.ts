import { expect, test } from 'vitest'
import { ROUTES } from '../../../daemon/http/openapi.ts'
import { createFakeApp } from '../../fakes/fake-app.ts'

test('every route is described, and every description has a route', () => {
  const { app } = createFakeApp()
  const real = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  expect([...new Set(real)].sort()).toEqual(Object.keys(ROUTES).sort())
})

test('the description is served, and names what bodies may hold', async () => {
  const { call } = createFakeApp()
  const document = (await (await call('/openapi.json')).json()) as {
    openapi: string
    paths: Record<string, Record<string, { requestBody?: unknown; parameters: { name: string; in: string }[] }>>
  }
  expect(document.openapi).toBe('3.1.0')
  expect(JSON.stringify(document.paths['/v1/goals']?.['post']?.requestBody)).toContain('planFile')
  expect(document.paths['/v1/goals/{goal}']?.['get']?.parameters).toMatchObject([{ name: 'goal', in: 'path' }])
  expect(document.paths['/v1/events']?.['get']?.parameters.map(({ name }) => name)).toEqual(['after', 'limit', 'goal'])
})
