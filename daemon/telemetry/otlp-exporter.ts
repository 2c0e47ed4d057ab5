import { type SpanContext, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace'
import { SECOND } from '../../core/clock.ts'
import type { World } from '../../core/world.ts'
import type { Span } from './spans.ts'

export interface ExporterOptions {
  /** Of the collector, without a path: `http://127.0.0.1:4318`. With a path it is taken as it is. */
  endpoint: string
  headers: Readonly<Record<string, string>>
  version: string
  world: World
  /** Takes secrets out of words. */
  redact(text: string): string
}

/**
 * Sends spans to a collector, in batches. A collector that is down costs nothing but its spans: what waits is
 * bounded, a request has a limit, and it is said once until it is back.
 */
export interface Exporter {
  export(span: Span): void
  /** Sends what waits, within its limit; never throws. */
  close(): Promise<void>
}

const QUEUE_MAX = 2_048
const SEND_EVERY_MS = 2 * SECOND
const SEND_MS_MAX = 5 * SECOND
const CLOSE_MS_MAX = 2 * SECOND

export function createOtlpExporter({ endpoint, headers, version, world, redact }: ExporterOptions): Exporter {
  const url = new URL(endpoint).pathname === '/' ? new URL('/v1/traces', endpoint).href : endpoint
  const resource = resourceFromAttributes({ 'service.name': 'claw', 'service.version': version })
  const collector = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: SEND_MS_MAX })
  let isDown = false
  const said: SpanExporter = {
    export(spans, done) {
      collector.export(spans, (result) => {
        // 0 is success.
        const failed = result.code !== 0
        if (failed && !isDown) {
          const why = redact(result.error?.message ?? 'no reason given')
          world.log.warn({ url, why, spans: spans.length }, 'traces cannot be sent')
        }
        if (!failed && isDown) world.log.info({ url }, 'traces are sent again')
        isDown = failed
        // Said above; the library would only say it again, to nobody.
        done({ code: 0 })
      })
    },
    shutdown: () => collector.shutdown(),
    forceFlush: () => collector.forceFlush?.() ?? Promise.resolve(),
  }
  const processor = new BatchSpanProcessor({
    exporter: said,
    maxQueueSize: QUEUE_MAX,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: SEND_MS_MAX,
  })
  const clean = (value: string | number | boolean) => (typeof value === 'string' ? redact(value) : value)
  const context = (traceId: string, spanId: string): SpanContext => ({
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
  })

  return {
    export(span) {
      const { traceId, spanId, parentId } = span
      const readable: ReadableSpan = {
        name: clean(span.name) as string,
        kind: span.kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
        spanContext: () => context(traceId, spanId),
        ...(parentId === null ? {} : { parentSpanContext: context(traceId, parentId) }),
        startTime: hrTime(span.startAt),
        endTime: hrTime(Math.max(span.startAt, span.endAt)),
        duration: hrTime(Math.max(0, span.endAt - span.startAt)),
        status:
          span.error === null
            ? { code: SpanStatusCode.OK }
            : { code: SpanStatusCode.ERROR, message: redact(span.error).slice(0, 1_000) },
        attributes: Object.fromEntries(Object.entries(span.attributes).map(([key, value]) => [key, clean(value)])),
        links: [],
        events: [],
        ended: true,
        resource,
        instrumentationScope: { name: 'claw', version },
        droppedAttributesCount: 0,
        droppedEventsCount: 0,
        droppedLinksCount: 0,
      }
      processor.onEnd(readable)
    },
    async close() {
      const late = new AbortController()
      const limit = world.clock.sleep(CLOSE_MS_MAX, late.signal).catch(() => {})
      await Promise.race([processor.shutdown().catch(() => {}), limit])
      late.abort()
    },
  }
}

function hrTime(ms: number): [number, number] {
  return [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1e6)]
}
