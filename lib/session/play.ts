import { Refused } from '../errors.ts'
import type { MessageBatch } from '../live/message-batch.ts'
import { type TrackChoice, tracksAsked } from '../media/tracks/choose-tracks.ts'
import { onStatus } from '../message/command.ts'
import { dataMessage } from '../message/data.ts'
import type { Message } from '../message/message.ts'
import { userControlMessage } from '../message/user-control-event.ts'
import type { PlayStatus } from '../status.ts'
import type { WritableOf } from '../stream/typed.ts'
import { type Capabilities, tracksFor } from './capabilities.ts'
import type { NetStream } from './net-stream.ts'
import { PlayOutgoing } from './play-outgoing.ts'
import { Request } from './request.ts'
import type { StreamPath } from './stream-path.ts'

/** Options of `play.accept()`. */
export interface PlayAcceptance {
  /** Whether it is a recording, not a live stream; the peer is told. */
  recorded?: boolean
  /**
   * The tracks that the peer receives. By default those of its query (`?videoTrack=1`, `?audioTrack=2`, `?tracks=all`); or else all, if it
   * has stated that it knows Multitrack, and the primary ones if it has not.
   */
  tracks?: TrackChoice
}

/** The part of a stream that a peer requests. */
export interface PlayRange {
  /**
   * Milliseconds to start at; -1000 requests live only, -2000 live if available, else a recording (RTMP 1.0, 7.2.2.1).
   */
  readonly start: number
  /** Milliseconds to play; below 0, all. */
  readonly duration: number
  /** Whether the peer wants the previous playlist dropped. */
  readonly reset: boolean
}

/** Events of Play: what its peer asks for while it plays. */
export interface PlayEvents {
  /** The peer pauses or resumes. */
  pause: [isPaused: boolean]
  /** The peer seeks, to a time in milliseconds. Without a listener a seek is refused. */
  seek: [ms: number]
  /** Whether the peer wants audio. */
  receiveAudio: [isWanted: boolean]
  /** Whether the peer wants video. */
  receiveVideo: [isWanted: boolean]
  /** The length of the peer's buffer, in milliseconds. */
  bufferLength: [ms: number]
}

/**
 * A peer wants to play (RTMP 1.0, 7.2.2.1). What it asks for later are events: see PlayEvents. A listener that throws or rejects ends
 * the session (see ServerSession). Pausing and leaving tracks out is done here; seeking is the application's: at a seek the Writable is
 * left as when the peer stops, and another `accept()` gives the next one.
 */
export class Play extends Request<PlayEvents> implements StreamPath, PlayRange {
  readonly app: string
  readonly name: string
  readonly path: string
  readonly query: URLSearchParams
  readonly rawQuery: string
  /**
   * Milliseconds to start at; -1000 requests live only, -2000 live if available, else a recording (RTMP 1.0, 7.2.2.1).
   */
  readonly start: number
  /** Milliseconds to play; below 0, all. */
  readonly duration: number
  /** Whether the peer wants the previous playlist dropped. */
  readonly reset: boolean
  readonly #stream: NetStream
  readonly #tracks = { audio: true, video: true }
  #out: PlayOutgoing | undefined
  #choice: TrackChoice
  #isPaused = false
  #isRecorded = false

  constructor(
    stream: NetStream,
    where: StreamPath,
    { start, duration, reset }: PlayRange,
    capabilities: Capabilities | undefined
  ) {
    super()
    this.#stream = stream
    this.#choice = tracksAsked(where.query) ?? tracksFor(capabilities)
    this.app = where.app
    this.name = where.name
    this.path = where.path
    this.query = where.query
    this.rawQuery = where.rawQuery
    this.start = start
    this.duration = duration
    this.reset = reset
  }

  /** Whether the peer has paused it. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Number of written items that wait. */
  get waiting(): number {
    return this.#out?.writableLength ?? 0
  }

  /**
   * Accepts the request. Returns a Writable of Messages, or of the MessageBatches of a LiveStream's player. Its end is
   * announced to the peer.
   *
   * When the peer stops, a reader of a LiveStream that is piped into it ends, through stages of this library too, and
   * so does the pipeline, without an error. Any other source cannot be told to end: then the Writable is destroyed, and
   * a pipeline reports `ERR_STREAM_PREMATURE_CLOSE`. If the peer has stopped before the call, or `limits.decisionMs`
   * has passed, this happens in the next turn.
   *
   * It may be called again after a seek.
   * @throws TypeError when it is already accepted, RangeError for an invalid track id.
   */
  accept({ recorded = false, tracks = this.#choice }: PlayAcceptance = {}): WritableOf<Message | MessageBatch> {
    if (this.isOver) return this.#stillborn()
    const out = this.#outgoing(tracks)
    if (this.isGranted && this.#out === undefined) {
      this.#choice = tracks
      this.#out = out
      this.#say('NetStream.Seek.Notify', 'NetStream.Play.Start')
      out.open()
      return out
    }
    this.take()
    this.#choice = tracks
    this.#isRecorded = recorded
    this.#out = out
    return out
  }

  /** Ended in the next turn, because it has no source yet. */
  #stillborn(): PlayOutgoing {
    const out = this.#outgoing(this.#choice)
    setImmediate(() => out.leave())
    return out
  }

  #outgoing(choice: TrackChoice): PlayOutgoing {
    return new PlayOutgoing(this.#stream, choice, this.#tracks, this.#isPaused, () => this.#bye())
  }

  /**
   * Refuses it: `NetStream.Play.Failed` by default, or `NetStream.Play.StreamNotFound`.
   * @throws TypeError when it is already decided.
   */
  reject(status: PlayStatus = 'NetStream.Play.Failed', description = 'refused'): void {
    if (!this.refuse(new Refused(status, description))) throw new TypeError('request is already decided')
  }

  protected override granted(): void {
    const { id } = this.#stream
    this.#stream.begin('playing', this)
    if (this.#isRecorded) this.#stream.say(userControlMessage({ kind: 'StreamIsRecorded', messageStreamId: id }))
    this.#stream.say(userControlMessage({ kind: 'StreamBegin', messageStreamId: id }))
    this.#say(...(this.reset ? ['NetStream.Play.Reset'] : []), 'NetStream.Play.Start')
    this.#out!.open()
  }

  protected override refused({ status, description }: Refused): void {
    this.#stream.say(onStatus(this.#stream.id, status, description, 'error'))
    this.#out?.leave()
  }

  /** The peer pauses or resumes; called by the session. @internal */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#say(isPaused ? 'NetStream.Pause.Notify' : 'NetStream.Unpause.Notify')
    this.#out?.hold(isPaused)
    this.tell('pause', isPaused)
  }

  /** The peer seeks to `ms`; called by the session. @internal */
  seek(ms: number): void {
    if (this.listenerCount('seek') === 0) {
      this.#stream.say(onStatus(this.#stream.id, 'NetStream.Seek.Failed', 'stream is not seekable', 'error'))
      return
    }
    const out = this.#out
    this.#out = undefined
    out?.leave()
    this.#stream.say(userControlMessage({ kind: 'StreamEof', messageStreamId: this.#stream.id }))
    this.#stream.say(userControlMessage({ kind: 'StreamBegin', messageStreamId: this.#stream.id }))
    this.tell('seek', ms)
  }

  /** The peer selects or deselects a track; called by the session. @internal */
  receive(track: 'audio' | 'video', wanted: boolean): void {
    this.#tracks[track] = wanted
    this.#out?.changeTracks()
    this.tell(track === 'audio' ? 'receiveAudio' : 'receiveVideo', wanted)
  }

  /** The peer tells how many milliseconds it buffers: called by its session. @internal */
  buffer(ms: number): void {
    this.tell('bufferLength', ms)
  }

  /** The play has ended. @internal */
  over(): void {
    this.abandon()
    this.#out?.leave()
  }

  /** Sends the messages that follow the last frame. */
  #bye(): void {
    const { id } = this.#stream
    // GStreamer's rtmp2src drops the message it holds when StreamEof arrives: this one, not the last frame
    this.#stream.say(
      dataMessage(['onPlayStatus', { level: 'status', code: 'NetStream.Play.Complete' }], { messageStreamId: id })
    )
    this.#stream.say(userControlMessage({ kind: 'StreamEof', messageStreamId: id }))
    this.#say(this.#isRecorded ? 'NetStream.Play.Stop' : 'NetStream.Play.UnpublishNotify')
    this.#stream.finish(this)
  }

  #say(...statuses: PlayStatus[]): void {
    for (const status of statuses) this.#stream.say(onStatus(this.#stream.id, status, this.name))
  }
}
