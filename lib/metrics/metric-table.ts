import { errorCodes, type SessionHostStats } from '../index.ts'
import type { LoopDelays } from './loop-delay.ts'
import { type OwnStream, type StreamSum, type StreamsScrape, summed } from './stream-series.ts'

/** What a metric is, without its numbers. */
export interface MetricDescription {
  /** Its name: `rtmpipe_sessions`. */
  readonly name: string
  /** `counter` for a number that only grows, `gauge` for one of this moment. */
  readonly type: 'counter' | 'gauge'
  /** The text of `# HELP`. */
  readonly help: string
  /** The names of its labels. */
  readonly labels: readonly string[]
}

/** A number with its labels. */
export type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>]

/** A metric that is read from something. */
export interface Metric<From> extends MetricDescription {
  readonly read: (from: From) => readonly Sample[]
}

function metric<From>(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (from: From) => number | readonly Sample[],
  labels: readonly string[] = []
): Metric<From> {
  const samples = (from: From): readonly Sample[] => {
    const value = read(from)
    return typeof value === 'number' ? [[value]] : value
  }
  return { name: `rtmpipe_${name}`, type, help, labels, read: samples }
}

/** Numbers by the values of one label. */
const by = (label: string, numbers: Readonly<Record<string, number>>): readonly Sample[] =>
  Object.entries(numbers).map(([value, number]) => [number, { [label]: value }])

type Host = SessionHostStats

/** Of a SessionHost. */
export const hostMetrics: readonly Metric<Host>[] = [
  metric<Host>('gauge', 'sessions', 'Current RTMP sessions', ({ sessions }) => sessions),
  metric<Host>('counter', 'sessions_begun_total', 'RTMP sessions that were started', ({ begun }) => begun),
  metric<Host>(
    'counter',
    'sessions_ended_total',
    'RTMP sessions that have ended: left by the peer, closed by this side, or failed, by error code',
    ({ ended }) => by('reason', byKnownReason(ended)),
    ['reason']
  ),
  metric<Host>(
    'gauge',
    'message_streams',
    'Message streams that publish or play',
    ({ publishing, playing }) => by('state', { publishing, playing }),
    ['state']
  ),
  metric<Host>('gauge', 'sessions_waiting_items', 'Items queued before the sockets', ({ waiting }) => waiting),
  metric<Host>('counter', 'sessions_received_bytes_total', 'Bytes received from peers', ({ bytesIn }) => bytesIn),
  metric<Host>('counter', 'sessions_sent_bytes_total', 'Bytes sent to peers', ({ bytesOut }) => bytesOut),
  metric<Host>('counter', 'sessions_received_messages_total', 'Messages received', ({ messagesIn }) => messagesIn),
  metric<Host>('counter', 'sessions_sent_messages_total', 'Messages sent', ({ messagesOut }) => messagesOut),
  metric<Host>(
    'counter',
    'sessions_dropped_messages_total',
    'Messages dropped: media without a granted publish or play (stray), and types that no session uses (unknown)',
    ({ strayMessages, unknownMessages }) => by('cause', { stray: strayMessages, unknown: unknownMessages }),
    ['cause']
  )
]

/** All unknown reasons are one, so that no code of an application's own makes a series. */
function byKnownReason(ended: Readonly<Record<string, number>>): Record<string, number> {
  const known: Record<string, number> = {}
  let other = 0
  for (const [reason, count] of Object.entries(ended)) {
    if (reason === 'left' || reason === 'closed' || Object.hasOwn(errorCodes, reason)) known[reason] = count
    else other += count
  }
  return other > 0 ? { ...known, other } : known
}

/** What is counted of each stream, and of all together. */
const counters: readonly (readonly [
  name: string,
  help: string,
  read: (sum: StreamSum) => number | readonly Sample[],
  labels?: readonly string[]
])[] = [
  ['received_bytes_total', 'Bytes of payload received from publishers', ({ bytesIn }) => bytesIn],
  ['received_messages_total', 'Messages received from publishers', ({ messagesIn }) => messagesIn],
  ['sent_bytes_total', 'Bytes of payload given to readers', ({ bytesOut }) => bytesOut],
  ['sent_messages_total', 'Messages given to readers', ({ messagesOut }) => messagesOut],
  [
    'dropped_messages_total',
    'Messages dropped ahead of the first keyframe (input), or missed by readers: by lag, by overflow of the ring, or ' +
      'while they waited for a keyframe',
    sum =>
      by('cause', {
        input: sum.droppedInput,
        lag: sum.droppedLag,
        overflow: sum.droppedOverflow,
        keyframe: sum.droppedKeyframe
      }),
    ['cause']
  ],
  ['repairs_total', 'Discontinuities of timestamps that were repaired', ({ repairs }) => repairs]
]

/** Of all streams together, those that are gone too. */
export const allStreamsMetrics: readonly Metric<StreamsScrape>[] = [
  metric<StreamsScrape>(
    'gauge',
    'streams',
    'Live streams: published, or waiting for a publisher',
    ({ published, waiting }) => by('state', { published, waiting }),
    ['state']
  ),
  metric<StreamsScrape>('gauge', 'streams_readers', 'Readers of all streams', ({ all }) => all.readers),
  ...counters.map(([name, help, read, labels]) =>
    metric<StreamsScrape>('counter', `streams_${name}`, `${help}, all streams together`, ({ all }) => read(all), labels)
  )
]

/** Of each stream that has series of its own, and of the rest, whose path is empty. */
const summedMetrics: readonly Metric<StreamSum>[] = [
  metric<StreamSum>('gauge', 'stream_readers', 'Readers', ({ readers }) => readers),
  metric<StreamSum>('gauge', 'stream_ring_bytes', 'Bytes of payload that the ring holds', sum => sum.ringBytes),
  ...counters.map(([name, help, read, labels]) => metric<StreamSum>('counter', `stream_${name}`, help, read, labels))
]

/** Of each stream that has series of its own. */
const ownMetrics: readonly Metric<OwnStream>[] = [
  metric<OwnStream>('gauge', 'stream_published', '1 while there is a publisher, else 0', stats => stats.publishers),
  metric<OwnStream>('gauge', 'stream_ring_seconds', 'Seconds that the ring holds', ({ ring }) => ring.ms / 1000),
  metric<OwnStream>('gauge', 'stream_lag_seconds', 'How far the slowest reader lags', ({ lagMs }) => lagMs / 1000),
  metric<OwnStream>('counter', 'stream_frames_total', 'Video frames of the publisher', ({ video }) =>
    video ? video.frames : []
  ),
  metric<OwnStream>(
    'gauge',
    'stream_keyframe_interval_seconds',
    'Seconds between the last two keyframes',
    ({ video }) => (typeof video?.keyframeIntervalMs === 'number' ? video.keyframeIntervalMs / 1000 : [])
  )
]

export const streamMetrics: readonly Metric<StreamsScrape>[] = [
  ...summedMetrics.map(of =>
    ofPaths(of, ({ own, rest }) => [
      ...[...own].flatMap(([path, stats]) => at(path, of.read(summed(stats)))),
      ...(rest ? at('', of.read(rest)) : [])
    ])
  ),
  ...ownMetrics.map(of => ofPaths(of, ({ own }) => [...own].flatMap(([path, stats]) => at(path, of.read(stats)))))
]

function ofPaths(
  { name, type, help, labels }: MetricDescription,
  read: (scrape: StreamsScrape) => readonly Sample[]
): Metric<StreamsScrape> {
  return { name, type, help, labels: ['path', ...labels], read }
}

const at = (path: string, samples: readonly Sample[]): Sample[] =>
  samples.map(([value, labels]) => [value, { path, ...labels }])

/** Of the process. */
export const loopMetrics: readonly Metric<LoopDelays>[] = [
  metric<LoopDelays>(
    'gauge',
    'event_loop_delay_mean_seconds',
    'How late the event loop ran its timers since the last scrape: the mean',
    ({ mean }) => mean
  ),
  metric<LoopDelays>(
    'gauge',
    'event_loop_delay_p99_seconds',
    'How late the event loop ran its timers since the last scrape: 99 % were less late',
    ({ p99 }) => p99
  ),
  metric<LoopDelays>(
    'gauge',
    'event_loop_delay_max_seconds',
    'How late the event loop ran its timers since the last scrape: the latest',
    ({ max }) => max
  )
]

/** Every metric, in the order of `docs/metrics.md`. */
export const metricDescriptions: readonly MetricDescription[] = [
  ...hostMetrics,
  ...allStreamsMetrics,
  ...streamMetrics,
  ...loopMetrics
].map(({ name, type, help, labels }) => ({ name, type, help, labels }))
