import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FlvAnswer } from './flv-answer.ts'

/** The answer to a GET or a HEAD. */
export class ResponseAnswer implements FlvAnswer {
  readonly sink: ServerResponse
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request
    this.sink = response
  }

  accept(open: () => void): void {
    const response = this.sink
    // a server's timeout for silence does not know of streams that pause: `stallMs` ends a viewer that reads nothing
    this.#request.socket.setTimeout?.(0)
    // without the chunked encoding a write is the shared buffer alone
    response.removeHeader('Transfer-Encoding')
    response.writeHead(200, { 'Content-Type': 'video/x-flv', 'Cache-Control': 'no-store', Connection: 'close' })
    if (this.#request.method === 'HEAD') {
      response.end()
    } else {
      response.flushHeaders()
      open()
    }
  }

  refuse(status: number, text: string): void {
    if (!this.sink.headersSent) sendText(this.sink, status, text)
  }
}

/** Answers with a status and a line. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
