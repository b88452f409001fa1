import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import type { FlvAnswer, FlvSink } from './flv-answer.ts'

/** The answer to a GET or a HEAD. */
export class ResponseAnswer implements FlvAnswer, FlvSink {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  /** Takes the file. */
  #body: Writable

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request
    this.#response = response
    this.#body = response
  }

  get sink(): FlvSink {
    return this
  }

  accept(open: () => void): void {
    const [request, response] = [this.#request, this.#response]
    // a server's timeout for silence does not know of streams that pause: `stallMs` ends a viewer that reads nothing
    request.socket.setTimeout?.(0)
    // without the chunked encoding the body is the bytes of the file
    response.removeHeader('Transfer-Encoding')
    response.writeHead(200, { 'Content-Type': 'video/x-flv', 'Cache-Control': 'no-store', Connection: 'close' })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    response.flushHeaders()
    // past the response, which corks the socket until the next tick for each write; HTTP/2 frames a body, and a pipelined request waits
    if (request.httpVersionMajor === 1 && response.socket !== null) this.#body = response.socket
    open()
  }

  refuse(status: number, text: string): void {
    if (!this.#response.headersSent) sendText(this.#response, status, text)
  }

  write(bytes: Buffer): boolean {
    return this.#body.write(bytes)
  }

  end(): void {
    this.#response.end()
  }

  destroy(): void {
    this.#response.destroy()
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    if (event === 'drain') this.#body.on(event, listener)
    else this.#response.on(event, listener)
  }
}

/** Answers with a status and a line. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
