/** The server as a whole: `GET /api/server`. */
export interface ServerReport {
  /** The version of rtmpipe. */
  readonly version: string
  /** Milliseconds since it started. */
  readonly uptimeMs: number
  /** Where it listens, a URL for each scheme and address: `rtmp://127.0.0.1:1935`. */
  readonly urls: readonly string[]
  /** Whether publishers must send a key: `--publish-key`. */
  readonly needsKey: boolean
  /** Whether a recording can be started: `--record DIR`. */
  readonly canRecord: boolean
  /** Whether this client may change anything: `--api-token`. */
  readonly canWrite: boolean
  /** Whether live streams play over WebSocket too. */
  readonly wsFlv: boolean
  /** Sessions there are, of all kinds. */
  readonly sessions: number
  /** Bytes received from all RTMP sessions since the start. */
  readonly bytesIn: number
  /** Bytes sent to all RTMP sessions since the start. */
  readonly bytesOut: number
}

/** One live stream: an entry of `GET /api/streams`, and all of `GET /api/streams/PATH`. Numbers of bytes, messages and frames are totals. */
export interface StreamReport {
  /** Its path: `live/film`. */
  readonly path: string
  /** Whether it has a publisher now. Without one its players wait. */
  readonly isPublished: boolean
  /** The session that publishes it; null without one, and for a stream of the server itself (`--demo`). */
  readonly publisher: PublisherReport | null
  /** Milliseconds since its publisher came; 0 without one. */
  readonly publishedMs: number
  /** Milliseconds since it was added to the table of live streams. */
  readonly uptimeMs: number
  /** Its video; null while its publisher has sent none. */
  readonly video: VideoReport | null
  /** Its audio; null while its publisher has sent none. */
  readonly audio: AudioReport | null
  /** Bytes of payload that its publishers have sent. */
  readonly bytesIn: number
  /** Messages that its publishers have sent. */
  readonly messagesIn: number
  /** Bytes of payload that its readers were given, all together. */
  readonly bytesOut: number
  /** Messages that its readers were given, all together. */
  readonly messagesOut: number
  /** Messages that were dropped, by cause. */
  readonly drops: StreamDrops
  /** What its ring holds, and what it may hold. */
  readonly ring: RingReport
  /** Discontinuities of timestamps. */
  readonly repairs: number
  /** Who reads it: players, recordings and relays. A list of streams has at most 100 of each, those that are furthest behind. */
  readonly readers: readonly ReaderReport[]
  /** The number of its readers. */
  readonly readerCount: number
}

/** The publisher of a stream. */
export interface PublisherReport {
  /** The id of its session. */
  readonly session: string
  /** Its address: `127.0.0.1:50000`. */
  readonly peer: string
  /** The scheme of its connection: `rtmps`. */
  readonly scheme: string
  /** The `flashVer` that it sent; null if it sent none. */
  readonly agent: string | null
}

/** The video of a stream, of its current publisher. */
export interface VideoReport {
  /** The codec, by its usual name: `AVC`, `HEVC`, `AV1`, `VP9`. */
  readonly codec: string
  /** Pixels, by the stream itself or else the publisher's metadata; null if neither tells. */
  readonly width: number | null
  /** Pixels, as `width`. */
  readonly height: number | null
  /** Frames a second, by the publisher's metadata or else the stream itself; null if neither tells. */
  readonly frameRate: number | null
  /** The profile by its name: `High`, `Main 10`; null if unknown. */
  readonly profile: string | null
  /** The level: `4.1`; null if unknown. */
  readonly level: string | null
  /** The transfer function of HDR; null for others. */
  readonly hdr: 'PQ' | 'HLG' | null
  /** Frames, keyframes included, of all video tracks and all publishers so far. */
  readonly frames: number
  /** Keyframes of the first video track, of all publishers so far. */
  readonly keyframes: number
  /** Milliseconds, by timestamps, between its last two keyframes; null before the second. */
  readonly keyframeIntervalMs: number | null
}

/** The audio of a stream, of its current publisher. */
export interface AudioReport {
  /** The codec, by its usual name: `AAC`, `Opus`, `MP3`. */
  readonly codec: string
  /** Hertz; null if unknown. */
  readonly sampleRate: number | null
  /** Channels; null if unknown. */
  readonly channels: number | null
  /** Audio messages without sequence headers, of all publishers so far. */
  readonly messages: number
}

/** Messages that a reader has missed, by cause. */
export interface ReaderDrops {
  /** It lagged by more than its `maxLagMs`. */
  readonly lag: number
  /** It lagged by less, where the ring was full. */
  readonly overflow: number
  /** Video that it was not given while it waited for a keyframe. */
  readonly keyframe: number
}

/** Messages of a stream that were dropped, by cause. A message that two readers have missed counts twice. */
export interface StreamDrops extends ReaderDrops {
  /** Sent by the publisher ahead of the first keyframe. */
  readonly input: number
}

/** The ring of a stream. */
export interface RingReport {
  /** Bytes of payload that it holds. */
  readonly bytes: number
  /** Messages that it holds. */
  readonly messages: number
  /** Milliseconds, by timestamps, from its oldest message to its newest. */
  readonly ms: number
  /** Bytes it may hold, 256 for each message included. */
  readonly maxBytes: number
  /** Milliseconds it may hold. */
  readonly maxMs: number
}

/** One reader of a stream. */
export interface ReaderReport {
  /** Its id among the readers of its stream. */
  readonly id: string
  /** What it is. */
  readonly kind: 'rtmp' | 'http-flv' | 'ws-flv' | 'recording' | 'relay' | 'other'
  /** The id of its session, recording or relay, by its kind; null for another reader. */
  readonly owner: string | null
  /** Where it goes: the address of a player, the file of a recording, the server of a relay. Never a key. */
  readonly to: string
  /** Milliseconds, by timestamps, that it is behind the newest message. */
  readonly lagMs: number
  /** Milliseconds it may lag before it skips to the newest keyframe; null for no limit. */
  readonly maxLagMs: number | null
  /** Bytes of payload in the ring that it has not taken yet. */
  readonly waitingBytes: number
  /** Bytes of payload that it was given. */
  readonly bytesOut: number
  /** Messages that it was given. */
  readonly messagesOut: number
  /** Messages that it has missed, by cause. */
  readonly drops: ReaderDrops
  /** Milliseconds since it joined. */
  readonly sinceMs: number
}

/** One session: an entry of `GET /api/sessions`. A viewer over HTTP or WebSocket is a session with one stream that it plays. */
export interface SessionReport {
  /** Its id, unique while the server runs. */
  readonly id: string
  /** How it is connected. */
  readonly kind: 'rtmp' | 'http-flv' | 'ws-flv'
  /** The scheme of its URL: `rtmp`, `rtmps`, `http`. */
  readonly scheme: string
  /** Its address: `127.0.0.1:50000`. */
  readonly peer: string
  /** The app that it has connected to; empty before. */
  readonly app: string
  /** The `flashVer` or `User-Agent` that it sent; null if it sent none. */
  readonly agent: string | null
  /** The paths that it publishes. */
  readonly publishing: readonly string[]
  /** The paths that it plays. */
  readonly playing: readonly string[]
  /** Bytes received from it. */
  readonly bytesIn: number
  /** Bytes sent to it. */
  readonly bytesOut: number
  /** Messages received from it. */
  readonly messagesIn: number
  /** Messages sent to it. */
  readonly messagesOut: number
  /** Items queued before its connection; 0 for HTTP and WebSocket. */
  readonly waiting: number
  /** Milliseconds since it began. */
  readonly uptimeMs: number
}

/** The state of a recording or relay: `waiting` for something to send; `retrying` and `refused` are tried again by themselves. */
export type TransferState = 'waiting' | 'connecting' | 'live' | 'retrying' | 'refused' | 'ended'

/** One recording: an entry of `GET /api/recordings`, and the answer to `POST /api/recordings`. */
export interface RecordingReport {
  /** Its id, unique while the server runs. */
  readonly id: string
  /** The path of the stream. */
  readonly path: string
  /** What it does now. */
  readonly state: TransferState
  /** The file it writes, below the folder of recordings; null before the first frame. */
  readonly file: string | null
  /** Why the last attempt failed; null if none has, or a later one succeeded. */
  readonly error: string | null
  /** Milliseconds since it was started. */
  readonly sinceMs: number
}

/** One relay to another server: an entry of `GET /api/relays`, and the answer to `POST /api/relays`. */
export interface RelayReport {
  /** Its id, unique while the server runs. */
  readonly id: string
  /** The path of the stream. */
  readonly path: string
  /** The server it publishes to, without app, stream and key: `rtmp://example.com`. */
  readonly to: string
  /** What it does now. */
  readonly state: TransferState
  /** Why the last attempt failed; null if none has, or a later one succeeded. */
  readonly error: string | null
  /** Milliseconds since it was started. */
  readonly sinceMs: number
}

/** A line of the log, as `--log json` prints it. */
export interface LogReport {
  /** When, in ISO 8601. */
  readonly time: string
  /** What happened: `publish`, `play`, `error`. */
  readonly event: string
  /** The fields of the event. */
  readonly [field: string]: string | number
}

/** An event of `GET /api/events`: all streams, once a second, or a line of the log. */
export type ApiEvent =
  | { readonly event: 'streams'; readonly data: { readonly streams: readonly StreamReport[] } }
  | { readonly event: 'log'; readonly data: LogReport }

/** The code of an error that the API answers with. */
export type ApiErrorCode =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'too_large'
  | 'unsupported_media_type'
  | 'too_many'
  | 'internal'

/** The body of every answer that is an error. */
export interface ErrorReport {
  /** What went wrong. */
  readonly error: {
    /** For programs. */
    readonly code: ApiErrorCode
    /** For people. */
    readonly message: string
  }
}
