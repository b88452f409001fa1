/**
 * rtmpipe/metrics: the numbers of sessions and live streams for Prometheus, on a Registry of prom-client.
 *
 *   metric-table       each metric: its name, its help and where its numbers come from
 *   stream-series      which streams have series of their own, and the totals of those that are gone
 *   loop-delay         how late the event loop is
 *   collect-metrics    puts them on a registry, and takes them off
 *
 * It is made of rtmpipe's public parts and of prom-client, and rtmpipe does not load it.
 */
export {
  type CollectedMetrics,
  type CollectMetricsOptions,
  collectMetrics,
  type MetricsRegistry
} from './collect-metrics.ts'
