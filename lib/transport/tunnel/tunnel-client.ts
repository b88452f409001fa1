import { once } from 'node:events'
import * as http from 'node:http'
import * as https from 'node:https'
import { addAbortSignal } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { ProtocolError, type RtmpErrorCode } from '../../errors.ts'
import { pollingMs } from './polling-interval.ts'
import { type TunnelOptions, TunnelStream } from './tunnel-stream.ts'

/** The destination of a tunnel. */
export interface TunnelPlace {
  /** A name or an address; of an IPv6 address without its brackets. */
  host: string
  /** The port, 1 to 65535. */
  port: number
  /** Whether it uses https, which is RTMPTS. The server's certificate is verified unless `tls` says otherwise. */
  secure?: boolean
  /** Options of `tls.connect`: `ca`, `cert` and `key`, `servername`. */
  tls?: ConnectionOptions
  /** The HTTP agent; by default one of its own that keeps one connection. */
  agent?: http.Agent
}

/** Options of TunnelClient. */
export interface TunnelClientOptions extends TunnelOptions {
  /** Ends it with an AbortError. */
  signal?: AbortSignal
}

type Verb = 'open' | 'send' | 'idle' | 'close'

/** Bytes of one post at most: every server accepts it. */
const POST_BYTES = 256 * 1024
/** The buffer of Flash and FFmpeg. */
const ID_LENGTH = 63
const ID = /^[\w.~-]{1,63}\r?\n?$/
const NOTHING = Buffer.alloc(1)
const HEADERS = { 'Content-Type': 'application/x-fcs', 'User-Agent': 'Shockwave Flash', 'Cache-Control': 'no-cache' }

/**
 * The client end of an HTTP tunnel: a Duplex of bytes. It posts written data, and polls when there is none, at the
 * interval of the server's last reply; one post at a time, on a persistent connection. While the reader is full, a
 * reply is not read further and nothing is posted. `end()` posts what was written and closes the tunnel. If the server
 * no longer knows the session when it is polled, the server has ended it: a normal end. Errors are ProtocolErrors of
 * the layer `'tunnel'`, `ERR_RTMP_TUNNEL_IDLE` for a server that does not answer, and errors of sockets and of TLS.
 */
export class TunnelClient extends TunnelStream {
  readonly #place: TunnelPlace
  readonly #agent: http.Agent
  #id: string | undefined
  #sequence = 0
  #request: http.ClientRequest | undefined
  /** When the next poll is due. */
  #pollAt = 0
  /** Ends the wait for the next poll, or for a full reader. */
  #wake: () => void = () => {}
  /** The callback of the end, called when the close is answered. */
  #ended: (() => void) | undefined

  constructor(place: TunnelPlace, { signal, ...options }: TunnelClientOptions = {}) {
    super(options)
    this.#place = place
    const ours = { keepAlive: true, maxSockets: 1 }
    this.#agent = place.agent ?? (place.secure ? new https.Agent(ours) : new http.Agent(ours))
    if (signal !== undefined) addAbortSignal(signal, this)
    // one turn later, so that the caller can listen for errors
    setImmediate(() => this.#run().catch(error => this.destroy(error)))
  }

  async #run(): Promise<void> {
    if (this.destroyed) return
    this.#id = await this.#open()
    while (!this.isOver && !this.destroyed) await this.#turn()
  }

  async #turn(): Promise<void> {
    const bytes = this.draw(Math.min(POST_BYTES, this.limits.tunnelPostBytes))
    const waitMs = this.#pollAt - this.clock.now()
    if (bytes.length > 0) await this.#exchange('send', bytes)
    else if (this.#ended !== undefined) await this.#close(this.#ended)
    else if (waitMs > 0) await this.#wait(waitMs)
    else await this.#exchange('idle', NOTHING)
  }

  async #open(): Promise<string> {
    let id = ''
    for await (const bytes of this.#checked(await this.#post('open', '1', NOTHING))) {
      id += bytes
      if (id.length > ID_LENGTH + 2) break
    }
    if (!ID.test(id)) throw this.#wrong('ERR_RTMP_TUNNEL_ID')
    return id.trim()
  }

  async #exchange(verb: 'send' | 'idle', body: Buffer): Promise<void> {
    const response = await this.#numbered(verb, body)
    if (response.statusCode === 404 && verb === 'idle') {
      this.over(this.#wrong('ERR_RTMP_TUNNEL_STATUS', '404'))
      return
    }
    let interval: number | undefined
    let count = 0
    for await (const bytes of this.#checked(response)) {
      const data = interval === undefined ? bytes.subarray(1) : bytes
      interval ??= bytes[0]
      count += data.length
      if (data.length > 0) this.deliver(data)
      while (this.isFull && !this.destroyed) await this.#wait()
    }
    // after data there may be more
    this.#pollAt = this.clock.now() + (count > 0 ? 0 : pollingMs(interval ?? 1))
  }

  async #close(ended: () => void): Promise<void> {
    await this.#numbered('close', NOTHING)
    ended()
    this.over()
  }

  #numbered(verb: Verb, body: Buffer): Promise<http.IncomingMessage> {
    return this.#post(verb, `${this.#id}/${this.#sequence++}`, body)
  }

  async #post(verb: Verb, what: string, body: Buffer, isAgain = false): Promise<http.IncomingMessage> {
    this.heard()
    const request = this.#make(`/${verb}/${what}`, body)
    this.#request = request
    try {
      const [response] = await once(request, 'response')
      this.heard()
      return response
    } catch (error) {
      // the server may close the connection as it is reused; it recognizes a repeated post by its number
      if (isAgain || this.#id === undefined || this.destroyed) throw error
      return this.#post(verb, what, body, true)
    }
  }

  #make(path: string, body: Buffer): http.ClientRequest {
    const { host, port, secure, tls } = this.#place
    const headers = { ...HEADERS, 'Content-Length': body.length }
    const { request } = secure ? https : http
    return (
      request({ ...tls, host, port, path, method: 'POST', headers, agent: this.#agent })
        // after the response has begun, an error belongs to the response
        .on('error', () => {})
        .end(body)
    )
  }

  #checked(response: http.IncomingMessage): AsyncIterable<Buffer> {
    if (response.statusCode === 200) return response
    throw this.#wrong('ERR_RTMP_TUNNEL_STATUS', `${response.statusCode}`)
  }

  #wrong(code: RtmpErrorCode, detail?: string): ProtocolError {
    return new ProtocolError(code, { layer: 'tunnel', detail })
  }

  /** Waits until something is written or read, or until the timeout. */
  #wait(ms?: number): Promise<void> {
    return new Promise(resolve => {
      const stop = ms === undefined ? () => {} : this.clock.after(ms, resolve)
      this.#wake = () => {
        stop()
        resolve()
      }
    })
  }

  protected override filled(): void {
    this.#wake()
  }

  protected override emptied(): void {
    this.#wake()
  }

  override _final(done: () => void): void {
    this.#ended = done
    if (this.isOver) done()
    this.#wake()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#wake()
    this.#request?.destroy()
    if (this.#id === undefined || this.isOver) this.#letGo()
    else this.#takeLeave()
    super._destroy(error, done)
  }

  /** A last post, whose result is ignored: otherwise the server would wait, and keep the stream name in use. */
  #takeLeave(): void {
    const request = this.#make(`/close/${this.#id}/${this.#sequence}`, NOTHING)
    request.setTimeout(this.limits.lingerMs, () => request.destroy())
    request.on('response', response => response.resume()).once('close', () => this.#letGo())
  }

  #letGo(): void {
    if (this.#agent !== this.#place.agent) this.#agent.destroy()
  }
}

/**
 * The client end of an HTTP tunnel, which starts to open at once: see TunnelClient.
 *
 * @example
 * ```ts
 * const wire = messageWire(tunnelClient({ host: '127.0.0.1', port: 80 }), { role: 'client' })
 * ```
 */
export const tunnelClient = (place: TunnelPlace, options?: TunnelClientOptions): TunnelClient =>
  new TunnelClient(place, options)
