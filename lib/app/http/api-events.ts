import type { ServerResponse } from 'node:http'
import { jsonLog, type Log } from '../log.ts'
import { ApiRefusal, HEADERS } from './json.ts'

/** How many may listen. */
const MAX_LISTENERS = 256
/** Bytes that may wait for a listener, beside the last report. */
const MAX_BEHIND = 1024 * 1024
const EVERY_MS = 1000

/**
 * Server-sent events (HTML, 9.2): a report once a second while somebody listens, and the lines of the log. Each event is encoded once. A
 * listener that does not read is disconnected.
 */
export class ApiEvents {
  readonly #listeners = new Set<ServerResponse>()
  readonly #logLine = jsonLog(line => this.#send(encoded('log', line)))
  #report: () => unknown = () => ({})
  #last: Buffer | undefined
  #timer: NodeJS.Timeout | undefined

  /** Sets the function that makes the report. */
  reports(report: () => unknown): void {
    this.#report = report
  }

  /** A log whose lines are sent to the listeners too. */
  heard(log: Log): Log {
    return (event, fields) => {
      log(event, fields)
      if (this.#listeners.size > 0) this.#logLine(event, fields)
    }
  }

  /**
   * Answers with events, beginning with a report.
   * @throws ApiRefusal if too many listen already.
   */
  listen(response: ServerResponse): void {
    if (this.#listeners.size >= MAX_LISTENERS) throw new ApiRefusal('too_many', 'too many clients listen to events')
    // without the chunked encoding a write is the shared buffer alone
    response.removeHeader('Transfer-Encoding')
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream', Connection: 'close' })
    if (response.req.method === 'HEAD') {
      response.end()
      return
    }
    this.#listeners.add(response)
    response.once('close', () => this.#leave(response)).on('error', () => {})
    this.#timer ??= setInterval(() => this.#tick(), EVERY_MS)
    this.#last ??= this.#encodedReport()
    response.write(this.#last)
  }

  /** Disconnects all. */
  close(): void {
    for (const response of this.#listeners) response.end()
  }

  #tick(): void {
    this.#last = this.#encodedReport()
    this.#send(this.#last)
  }

  #encodedReport(): Buffer {
    return encoded('streams', JSON.stringify(this.#report()))
  }

  #send(event: Buffer): void {
    const most = MAX_BEHIND + (this.#last?.length ?? 0)
    for (const response of this.#listeners) {
      if (response.writableLength > most) response.destroy()
      else response.write(event)
    }
  }

  #leave(response: ServerResponse): void {
    this.#listeners.delete(response)
    if (this.#listeners.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#last = undefined
  }
}

/** JSON contains no line break. */
const encoded = (event: string, json: string): Buffer => Buffer.from(`event: ${event}\ndata: ${json}\n\n`)
