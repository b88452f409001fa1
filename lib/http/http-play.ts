import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import { Refused } from '../errors.ts'
import { ChosenTracks } from '../live/chosen-tracks.ts'
import type { MessageBatch } from '../live/message-batch.ts'
import { PRIMARY, type TrackChoice, tracksAsked } from '../media/tracks/choose-tracks.ts'
import type { Message } from '../message/message.ts'
import { Request } from '../session/request.ts'
import type { StreamPath } from '../session/stream-path.ts'
import type { PlayStatus } from '../status.ts'
import type { WritableOf } from '../stream/typed.ts'
import { peerOf } from '../wire.ts'
import type { FlvAnswer } from './flv-answer.ts'
import { FlvOutgoing } from './flv-outgoing.ts'

/** How a viewer receives the stream: as the body of a response, or in the messages of a WebSocket. */
export type HttpPlayKind = 'http-flv' | 'ws-flv'

/** Options of `httpPlay.accept()`. */
export interface HttpPlayAcceptance {
  /** The tracks that the viewer receives. By default those of its query (`?videoTrack=1`, `?audioTrack=2`, `?tracks=all`), or the primary ones. */
  tracks?: TrackChoice
}

/** A request to play a live stream over HTTP or WebSocket. The application decides on it as on a Play. */
export class HttpPlay extends Request implements StreamPath {
  readonly app: string
  readonly name: string
  readonly path: string
  readonly query: URLSearchParams
  readonly rawQuery: string
  /** The address of the peer, `127.0.0.1:50000`; empty if unknown. */
  readonly peer: string
  /** How the viewer receives the stream. */
  readonly kind: HttpPlayKind
  /** The HTTP request, with its headers and the socket. */
  readonly request: IncomingMessage
  readonly #answer: FlvAnswer
  readonly #out: FlvOutgoing
  #isRejected = false

  constructor(
    where: StreamPath,
    kind: HttpPlayKind,
    request: IncomingMessage,
    answer: FlvAnswer,
    { clock, stallMs }: { clock: Clock; stallMs: number }
  ) {
    super()
    this.app = where.app
    this.name = where.name
    this.path = where.path
    this.query = where.query
    this.rawQuery = where.rawQuery
    this.peer = peerOf(request.socket)
    this.kind = kind
    this.request = request
    this.#answer = answer
    this.#out = new FlvOutgoing(answer.sink, clock, stallMs)
    answer.sink.on('close', () => {
      this.abandon()
      this.#out.leave()
    })
  }

  /**
   * Accepts the request. Returns a Writable of Messages, or of the MessageBatches of a LiveStream's player, whose end ends the response
   * or the WebSocket.
   * When the viewer leaves, it ends as that of a Play does.
   * @throws TypeError when it is already decided, RangeError for an invalid track id.
   */
  accept({ tracks = tracksAsked(this.query) ?? PRIMARY }: HttpPlayAcceptance = {}): WritableOf<Message | MessageBatch> {
    const chosen = new ChosenTracks(tracks)
    // ended in the next turn, because it has no source yet
    if (this.isOver) setImmediate(() => this.#out.leave())
    else this.take()
    this.#out.choose(chosen)
    return this.#out
  }

  /**
   * Refuses the request: 404 for `NetStream.Play.StreamNotFound`, 403 for any other status. A handler that throws a Refused is the same, but
   * for 500 with `NetStream.Play.Failed`, as with any other exception and with a timeout.
   * @throws TypeError when it is already decided.
   */
  reject(status: PlayStatus = 'NetStream.Play.Failed', description = 'refused'): void {
    this.#isRejected = true
    if (!this.refuse(new Refused(status, description))) throw new TypeError('request is already decided')
  }

  protected override granted(): void {
    this.#answer.accept(() => this.#out.open())
  }

  protected override refused({ status, description }: Refused): void {
    this.#answer.refuse(this.#httpStatus(status), description || status)
    this.#out.leave()
  }

  /** A handler that throws, or does not decide in time, is answered as an internal server error. */
  #httpStatus(status: PlayStatus): number {
    if (status === 'NetStream.Play.StreamNotFound') return 404
    return status === 'NetStream.Play.Failed' && !this.#isRejected ? 500 : 403
  }
}
