import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import { Refused } from '../errors.ts'
import type { MessageBatch } from '../live/message-batch.ts'
import type { Message } from '../message/message.ts'
import { Request } from '../session/request.ts'
import type { StreamPath } from '../session/stream-path.ts'
import type { PlayStatus } from '../status.ts'
import type { WritableOf } from '../stream/typed.ts'
import { peerOf } from '../wire.ts'
import { FlvOutgoing } from './flv-outgoing.ts'

/** A request to play a live stream over HTTP. The application decides on it as on a Play. */
export class HttpPlay extends Request implements StreamPath {
  readonly app: string
  readonly name: string
  readonly path: string
  readonly query: URLSearchParams
  readonly rawQuery: string
  /** The address of the peer, `127.0.0.1:50000`; empty if unknown. */
  readonly peer: string
  /** The HTTP request, with its headers and the socket. */
  readonly request: IncomingMessage
  readonly #response: ServerResponse
  readonly #out: FlvOutgoing
  #isRejected = false

  constructor(
    where: StreamPath,
    request: IncomingMessage,
    response: ServerResponse,
    { clock, stallMs }: { clock: Clock; stallMs: number }
  ) {
    super()
    this.app = where.app
    this.name = where.name
    this.path = where.path
    this.query = where.query
    this.rawQuery = where.rawQuery
    this.peer = peerOf(request.socket)
    this.request = request
    this.#response = response
    this.#out = new FlvOutgoing(response, clock, stallMs)
    response.once('close', () => {
      this.abandon()
      this.#out.leave()
    })
  }

  /**
   * Accepts the request. Returns a Writable of Messages, or of the MessageBatches of a LiveStream's player, whose end ends the response.
   * When the viewer leaves, it ends as that of a Play does.
   * @throws TypeError when it is already decided.
   */
  accept(): WritableOf<Message | MessageBatch> {
    // ended in the next turn, because it has no source yet
    if (this.isOver) setImmediate(() => this.#out.leave())
    else this.take()
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
    const response = this.#response
    // a server's timeout for silence does not know of streams that pause: `stallMs` ends a viewer that reads nothing
    this.request.socket.setTimeout?.(0)
    // without the chunked encoding a write is the shared buffer alone
    response.removeHeader('Transfer-Encoding')
    response.writeHead(200, { 'Content-Type': 'video/x-flv', 'Cache-Control': 'no-store', Connection: 'close' })
    if (this.request.method === 'HEAD') {
      response.end()
      this.#out.leave()
    } else {
      response.flushHeaders()
      this.#out.open()
    }
  }

  protected override refused({ status, description }: Refused): void {
    const response = this.#response
    if (!response.headersSent) {
      response.writeHead(this.#httpStatus(status), { 'Content-Type': 'text/plain; charset=utf-8' })
      response.end(`${description || status}\n`)
    }
    this.#out.leave()
  }

  /** A handler that throws, or does not decide in time, is a fault of the server. */
  #httpStatus(status: PlayStatus): number {
    if (status === 'NetStream.Play.StreamNotFound') return 404
    return status === 'NetStream.Play.Failed' && !this.#isRejected ? 500 : 403
  }
}
