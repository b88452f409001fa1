import type { AmfObject, AmfValue } from '../amf/amf-value.ts'
import { Incoming } from './incoming.ts'
import type { Engaged } from './net-stream.ts'

/** The message stream of a play: the commands sent on it. */
export interface PlayedStream {
  /** Sends a command that is answered by a status. Resolves with its information object. */
  ask(name: 'pause' | 'seek', ...args: readonly AmfValue[]): Promise<AmfObject>
  /** Sends a command that has no answer. @throws TypeError if it is not allowed in this state. */
  tell(name: 'receiveAudio' | 'receiveVideo', ...args: readonly AmfValue[]): void
  setBufferLength(milliseconds: number): void
  /** The application has destroyed the Readable. */
  letGo(playing: Engaged): void
}

/** Events of Playing, beside those of a Readable. */
export interface PlayingEvents {
  /** A status of the play: its information object. */
  status: [information: AmfObject]
}

/**
 * A play of a client: a Readable of audio, video and data. It ends when the peer ends the stream, and fails when the
 * connection fails. Destroying it deletes its message stream at the peer. A slow reader applies backpressure to the
 * peer. Events: see PlayingEvents.
 *
 * @example
 * ```ts
 * const playing: Playing = await client.play('film')
 * playing.on('status', information => console.log(information))
 * ```
 */
export class Playing extends Incoming<PlayingEvents> {
  readonly #stream: PlayedStream
  /** Whether the peer announced a recording (RTMP 1.0, 7.1.7): it has an end and does not restart. */
  isRecorded = false

  constructor(stream: PlayedStream) {
    super(() => stream.letGo(this))
    this.#stream = stream
  }

  /** The play has ended, with `reason` if it failed. @internal */
  over(reason?: Error): void {
    if (reason === undefined) this.end()
    else this.fail(reason)
  }

  /**
   * Asks the peer to pause at `ms` of the stream, or to resume from there (RTMP 1.0, 7.2.2.8). Settles with the peer's
   * status. (`pause()` and `resume()` are those of every Readable: they apply backpressure and send nothing.)
   * @throws Refused by the peer, RtmpError `ERR_RTMP_ANSWER_TIMEOUT`, TypeError when it has ended.
   */
  async setPaused(isPaused: boolean, ms = 0): Promise<void> {
    await this.#stream.ask('pause', isPaused, ms)
  }

  /**
   * Asks the peer to continue from `ms` of the stream (RTMP 1.0, 7.2.2.7). Settles with the peer's status. Messages
   * received before can still be read.
   * @throws as setPaused.
   */
  async seek(ms: number): Promise<void> {
    await this.#stream.ask('seek', ms)
  }

  /** Selects or deselects audio (RTMP 1.0, 7.2.2.4). @throws TypeError when it has ended. */
  receiveAudio(wanted: boolean): void {
    this.#stream.tell('receiveAudio', wanted)
  }

  /** Selects or deselects video (RTMP 1.0, 7.2.2.5). @throws TypeError when it has ended. */
  receiveVideo(wanted: boolean): void {
    this.#stream.tell('receiveVideo', wanted)
  }

  /** Announces the buffer length in milliseconds, which a recording may be sent ahead by (RTMP 1.0, 7.1.7). */
  setBufferLength(milliseconds: number): void {
    this.#stream.setBufferLength(milliseconds)
  }
}
