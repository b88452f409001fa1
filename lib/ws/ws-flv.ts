import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { FlvAnswer, FlvSink } from '../http/flv-answer.ts'
import { type FlvRequestOptions, FlvRequests } from '../http/flv-requests.ts'
import type { HttpPlay } from '../http/http-play.ts'
import { isOriginAllowed, refuseUpgrade } from './upgrade.ts'

/** Options of wsFlv(). */
export interface WsFlvOptions extends FlvRequestOptions {
  /**
   * An origin whose pages may watch, beside those of the server's own host, or `*`. A request without an Origin header, which no browser
   * sends, is not checked.
   */
  origin?: string
}

/** Bounds on what a viewer sends, which is ignored. */
const bounds = { maxPayload: 1024, maxFragments: 16, maxBufferedChunks: 64 }

/**
 * WS-FLV: `ws://host/live/film.flv` plays the stream `live/film` as an FLV file in binary messages, one per batch (RFC 6455). The bytes,
 * the path and the query are those of httpFlv(), and so is `hearPlay`, which both may share. The result is a listener for the `'upgrade'`
 * of a server of `node:http`, and the option `upgrade` of createServer():
 *
 *     http.createServer(httpFlv(hearPlay)).on('upgrade', wsFlv(hearPlay)).listen(8080)
 *
 * A refusal is an HTTP response: 404 for `NetStream.Play.StreamNotFound`, 403 for any other status and for a foreign origin. A viewer that
 * reads nothing for `limits.stallMs` is disconnected. There is no compression: media is compressed already.
 * @throws RangeError for a limit out of range.
 */
export function wsFlv(
  hearPlay: (play: HttpPlay) => unknown,
  options: WsFlvOptions = {}
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const requests = new FlvRequests(hearPlay, options)
  // pings are answered by the FlvAnswer, and only while there is room
  const server = new WebSocketServer({ noServer: true, clientTracking: false, autoPong: false, ...bounds })
  return (request, socket, head) => {
    // the peer may reset it while the application decides
    socket.on('error', () => {})
    const answer = new WebSocketAnswer(server, request, socket, head)
    if (!FlvRequests.isFor(request)) answer.refuse(404, 'not found')
    else if (!isOriginAllowed(request, options.origin)) answer.refuse(403, 'origin is not allowed')
    else requests.hear(request, 'ws-flv', answer)
  }
}

/** The answer to a request to upgrade: a WebSocket, or a refusal as a response of HTTP. */
class WebSocketAnswer implements FlvAnswer, FlvSink {
  readonly #server: WebSocketServer
  readonly #request: IncomingMessage
  readonly #socket: Duplex
  readonly #head: Buffer
  #webSocket!: WebSocket

  constructor(server: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.#server = server
    this.#request = request
    this.#socket = socket
    this.#head = head
  }

  get sink(): FlvSink {
    return this
  }

  accept(open: () => void): void {
    const socket = this.#socket
    // it also answers a request that is not a WebSocket handshake, without opening anything
    this.#server.handleUpgrade(this.#request, socket, this.#head, webSocket => {
      this.#webSocket = webSocket
      webSocket.on('error', () => webSocket.terminate())
      // a pong for a peer that does not read would wait in memory
      webSocket.on('ping', data => socket.writableNeedDrain || webSocket.pong(data))
      open()
    })
  }

  refuse(status: number, text: string): void {
    refuseUpgrade(this.#request, this.#socket, status, text)
  }

  write(bytes: Buffer): boolean {
    this.#webSocket.send(bytes)
    return !this.#socket.writableNeedDrain
  }

  end(): void {
    this.#webSocket.close(1000)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    this.#socket.on(event, listener)
  }
}
