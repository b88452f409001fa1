import type { AmfObject, AmfValue } from '../amf/amf-value.ts'
import { Incoming } from './incoming.ts'
import type { Engaged } from './net-stream.ts'

/** The message stream it plays on: what is asked there. */
export interface PlayedStream {
  /** Sends a command that the peer answers with a status: its information object. */
  ask(name: 'pause' | 'seek', ...args: readonly AmfValue[]): Promise<AmfObject>
  /** Sends a command that is not answered. @throws TypeError where it has no place. */
  tell(name: 'receiveAudio' | 'receiveVideo', ...args: readonly AmfValue[]): void
  setBufferLength(milliseconds: number): void
  /** The application has destroyed what it plays. */
  letGo(playing: Engaged): void
}

/** Events of Playing, beside those of a Readable. */
export interface PlayingEvents {
  /** What the peer says meanwhile: an information object. */
  status: [information: AmfObject]
}

/**
 * What a client plays: a Readable of audio, video and data, as they come. It ends where the peer says that the stream is over, and
 * fails where the connection does; destroyed, it is deleted at the peer. Whoever reads slowly holds the peer back. Events:
 * see PlayingEvents.
 */
export class Playing extends Incoming<PlayingEvents> implements Engaged {
  readonly #stream: PlayedStream
  /** Whether the peer has said that it is a recording (RTMP 1.0, 7.1.7): it has an end, and does not begin anew. */
  isRecorded = false

  constructor(stream: PlayedStream) {
    super(() => stream.letGo(this))
    this.#stream = stream
  }

  /** The playing is over: cleanly unless there is a reason. */
  over(reason?: Error): void {
    if (reason === undefined) this.end()
    else this.fail(reason)
  }

  /**
   * Asks the peer to pause at `ms` of the stream, or to go on from there (RTMP 1.0, 7.2.2.9); settles when it has said so. (`pause()`
   * and `resume()` are those of every Readable: they hold the peer back without a word.)
   * @throws Refused by the peer, RtmpError `ERR_RTMP_ANSWER_TIMEOUT`, TypeError when it is over.
   */
  async setPaused(isPaused: boolean, ms = 0): Promise<void> {
    await this.#stream.ask('pause', isPaused, ms)
  }

  /**
   * Asks the peer to go on from `ms` of the stream (RTMP 1.0, 7.2.2.8); settles when it has said so. What it sent before is still
   * to be read.
   * @throws as setPaused.
   */
  async seek(ms: number): Promise<void> {
    await this.#stream.ask('seek', ms)
  }

  /** Whether audio is to come (RTMP 1.0, 7.2.2.4). @throws TypeError when it is over. */
  receiveAudio(wanted: boolean): void {
    this.#stream.tell('receiveAudio', wanted)
  }

  /** Whether video is to come (RTMP 1.0, 7.2.2.5). @throws TypeError when it is over. */
  receiveVideo(wanted: boolean): void {
    this.#stream.tell('receiveVideo', wanted)
  }

  /** Tells how many milliseconds are buffered here: so far ahead the peer may send what is recorded (RTMP 1.0, 7.1.7). */
  setBufferLength(milliseconds: number): void {
    this.#stream.setBufferLength(milliseconds)
  }
}
