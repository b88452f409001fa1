import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type TunnelOptions, type TunnelSession, tunnelServer } from 'rtmpipe'

type Scope = { teardown(end: () => unknown): unknown }

export interface Answer {
  readonly status: number | undefined
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

/** A server of HTTP with a tunnel in it, gone with the test, and a client by hand. */
export class TunnelHost extends EventEmitter {
  readonly server: http.Server
  /** Sessions in the order of their opening, and what ended them. */
  readonly sessions: TunnelSession[] = []
  readonly ends: (string | undefined)[] = []
  /** Requests that have come. */
  requests: string[] = []
  readonly #secure: boolean

  constructor(
    t: Scope,
    onConnection: (bytes: TunnelSession) => void = () => {},
    { tls, ...options }: TunnelOptions & { tls?: https.ServerOptions } = {}
  ) {
    super()
    const handler = tunnelServer(session => {
      this.sessions.push(session)
      session.on('error', () => {})
      session.once('close', () => {
        this.ends.push((session.errored as NodeJS.ErrnoException | null)?.code)
        this.emit('news')
      })
      onConnection(session)
    }, options)
    const listener = (request: http.IncomingMessage, response: http.ServerResponse) => {
      handler(request, response)
      this.requests.push(`${request.method} ${request.url}`)
      this.emit('news')
    }
    this.#secure = tls !== undefined
    this.server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener)
    t.teardown(() => {
      this.server.close()
      this.server.closeAllConnections()
      for (const session of this.sessions) session.destroy()
    })
  }

  async listen(): Promise<this> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    return this
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port
  }

  get place(): { host: string; port: number; secure: boolean } {
    return { host: '127.0.0.1', port: this.port, secure: this.#secure }
  }

  /** Opens a session: its id. */
  async opens(): Promise<string> {
    return (await this.posts('/open/1', Buffer.alloc(1))).body.toString().trim()
  }

  /** Posts on a connection of its own; a body of several pieces goes chunked. */
  async posts(path: string, body: Buffer | Buffer[] = Buffer.alloc(1), method = 'POST'): Promise<Answer> {
    const request = http.request({ host: '127.0.0.1', port: this.port, path, method, agent: false })
    if (Array.isArray(body)) for (const piece of body) request.write(piece)
    request.end(Array.isArray(body) ? undefined : body)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    return { status: response.statusCode, headers: response.headers, body: await buffer(response) }
  }

  /** Settles when the condition holds, which is looked at whenever a request has come or a session is over. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this, 'news')
  }
}
