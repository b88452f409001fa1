import { pipeline } from 'node:stream/promises'
import type { FlvFile } from './flv/flv-file.ts'
import { FlvFiles, type FlvFilesOptions } from './flv/flv-files.ts'
import type { FlvRecordingOptions } from './flv/flv-recording.ts'
import type { LiveStream, SubscribeOptions } from './live/live-stream.ts'
import { timestampRepair } from './media/timestamp-repair.ts'
import { checkTrackIds, PRIMARY } from './media/tracks/choose-tracks.ts'
import { safeRecordPath } from './record-path.ts'
import { type Attempt, positive, type RecordedFile, Relay, type RelayOptions } from './relay.ts'

/** Options of record(). */
export interface RecordOptions
  extends SubscribeOptions,
    FlvRecordingOptions,
    Pick<RelayOptions, 'signal' | 'clock' | 'retryMs' | 'maxRetryMs' | 'jitter'> {
  /** The stream name, from which file names are made (see safeRecordPath): `recording`. */
  name?: string
  /** Milliseconds that the disk may lag before the recording skips to the newest keyframe: 30,000. */
  maxLagMs?: number
  /** The longest delay of a retry in milliseconds: 10,000. */
  maxRetryMs?: number
}

/** Options of recordRolled(). */
export interface RecordRolledOptions extends RecordOptions {
  /** Milliseconds of media after which a new file starts. */
  everyMs?: number
  /** Bytes of tags after which a new file starts. */
  everyBytes?: number
}

const MAX_LAG_MS = 30_000
const MAX_RETRY_MS = 10_000

/**
 * Records a live stream into an FLV file below `folder`, until the stream ends: `'ended'`. Its timestamps start at 0
 * and are repaired (see timestampRepair); its metadata is its own (see FlvRecording).
 *
 * After an error of the file system it retries in another file, with delays up to `maxRetryMs`, from the newest
 * keyframe on: `'retrying'` (Retry) gives the reason. Further events: `'file'` (RecordedFile) when a file starts,
 * `'recorded'` (RecordedFile) when one is complete, also after an error; `'gap'` (Gap) for media that was skipped
 * because the disk was slow; `'repair'` (Repair). `close()` ends the recording.
 * @throws RangeError for a number out of range.
 */
export function record(live: LiveStream, folder: string, options: RecordOptions = {}): Relay {
  return recordInto(live, folder, options, {})
}

/**
 * Records into a series of files. A new file starts at the first random access point (a keyframe, or without video any
 * audio) after `everyMs` or `everyBytes`. Each file has its own timestamps, metadata and sequence headers, and plays on
 * its own.
 * @throws TypeError without either option, RangeError for a number out of range.
 */
export function recordRolled(live: LiveStream, folder: string, options: RecordRolledOptions): Relay {
  const { everyMs, everyBytes } = options
  if (everyMs === undefined && everyBytes === undefined) throw new TypeError('everyMs or everyBytes is required')
  return recordInto(live, folder, options, {
    ...(everyMs !== undefined && { everyMs }),
    ...(everyBytes !== undefined && { everyBytes })
  })
}

function recordInto(
  live: LiveStream,
  folder: string,
  {
    name = 'recording',
    maxLagMs = MAX_LAG_MS,
    wait = false,
    label,
    maxKeyframes,
    tracks = PRIMARY,
    ...options
  }: RecordOptions,
  bounds: Pick<FlvFilesOptions, 'everyMs' | 'everyBytes'>
): Relay {
  positive('maxLagMs', maxLagMs)
  const next = paths(folder, name)
  const makeFiles = () =>
    new FlvFiles(next, { ...bounds, flags: 'wx', ...(maxKeyframes !== undefined && { maxKeyframes }) })
  // an invalid option would be retried without end
  makeFiles().destroy()
  if (tracks !== 'all') checkTrackIds(tracks)
  let isOver = false
  const attempt: Attempt = async (signal, is) => {
    if (isOver) return true
    is('connecting')
    const messages = live.subscribe({ maxLagMs, wait, label, tracks })
    const leave = () => messages.destroy()
    signal.addEventListener('abort', leave, { once: true })
    const repair = timestampRepair()
    const files = makeFiles()
    messages.on('gap', gap => relay.emit('gap', gap))
    repair.on('repair', found => relay.emit('repair', found))
    files.once('file', () => is('live'))
    for (const event of ['file', 'recorded'] as const) files.on(event, file => relay.emit(event, told(file)))
    // everything the reader has read is written, however it ends
    messages.pipe(repair)
    messages.once('close', () => repair.end())
    try {
      await pipeline(repair, files)
      return true
    } finally {
      signal.removeEventListener('abort', leave)
      messages.destroy()
    }
  }
  const relay = new Relay(attempt, { maxRetryMs: MAX_RETRY_MS, ...options })
  const over = () => {
    isOver = true
    // while it records, it reads to the end
    if (relay.state === 'waiting' || relay.state === 'retrying') relay.close()
  }
  live.once('over', over)
  relay.once('ended', () => live.off('over', over))
  return relay
}

/** A new path on each call: no two files start in the same millisecond. */
function paths(folder: string, name: string): () => string {
  let last = 0
  return () => {
    last = Math.max(Date.now(), last + 1)
    return safeRecordPath(folder, { path: name }, { at: new Date(last) })
  }
}

const told = ({ path, byteLength, durationMs }: FlvFile): RecordedFile => ({ path, byteLength, durationMs })
