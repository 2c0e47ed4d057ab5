/** /metrics in the text format of Prometheus: what is asked for is counted when it is asked for, nothing is kept. */
import { Hono } from 'hono'
import { Fault } from '../../core/fault.ts'

export interface Metric {
  name: string
  help: string
  type: 'gauge' | 'counter'
  /** By label, as `state="open"`; the empty one for a number without. */
  values: Readonly<Record<string, number>>
}

/** Undefined where they are turned off. */
export type ReadMetrics = () => Promise<Metric[] | undefined>

export function metricsRoutes({ metrics }: { metrics: ReadMetrics }) {
  return new Hono().get('/metrics', async (c) => {
    const found = await metrics()
    if (!found) {
      throw new Fault('route_not_found', 'Metrics are turned off', { hint: 'claw config set metrics.enabled true' })
    }
    return c.body(toText(found), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  })
}

export function toText(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, help, type, values }) => [
    `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `# TYPE ${name} ${type}`,
    ...Object.entries(values).map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}`),
  ])
  return `${lines.join('\n')}\n`
}
