import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ProtocolError, type RtmpErrorCode } from '../../errors.ts'
import { limitsWith } from '../../limits.ts'
import { PollingInterval, pollingMs } from './polling-interval.ts'
import { PostOrder } from './post-order.ts'
import { type TunnelOptions, TunnelStream } from './tunnel-stream.ts'

interface Post {
  readonly verb: 'send' | 'idle' | 'close'
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

const NOTHING = Buffer.alloc(1)

/**
 * One session of a tunnel, as a Duplex of bytes: clients' posts are read, and written data is sent in the replies.
 * Posts are processed one at a time, by their sequence numbers; a repeated post gets the same reply. While the reader
 * is full, a body is not read further, and its reply waits. It ends when the client closes it. A client that
 * disconnects silently ends it with `ERR_RTMP_TUNNEL_IDLE`, and a post that is out of sequence or too long with a
 * ProtocolError.
 */
export class TunnelSession extends TunnelStream {
  /** The address it was opened from; that of an HTTP proxy, if there is one. */
  readonly remoteAddress: string | undefined
  /** The port it was opened from. */
  readonly remotePort: number | undefined
  /** Whether it uses https. */
  readonly encrypted: boolean
  readonly #order = new PostOrder<Post>()
  readonly #interval = new PollingInterval()
  #current: Post | undefined
  /** Bytes of the current post that have arrived, and bytes passed on from it and from earlier attempts. */
  #came = 0
  #handed = 0
  /** The last reply, in case it was lost. */
  #reply: Buffer = NOTHING
  /** The time of the next expected poll, and a poll that arrived sooner. */
  #pollAt = 0
  #early: { post: Post; stop: () => void } | undefined

  constructor({ socket }: IncomingMessage, options: TunnelOptions) {
    super(options)
    this.remoteAddress = socket.remoteAddress
    this.remotePort = socket.remotePort
    this.encrypted = 'encrypted' in socket
  }

  /** Accepts a post, which is answered in its turn. */
  post(sequence: number, post: Post): void {
    this.heard()
    if (Number(post.request.headers['content-length']) > this.limits.tunnelPostBytes) {
      this.#refuse(post, 413, 'ERR_RTMP_TUNNEL_POST')
      return
    }
    const place = this.#order.place(sequence, post)
    if (place === 'again') reply(post.response, this.#reply)
    else if (place === 'off') this.#refuse(post, 400, 'ERR_RTMP_TUNNEL_SEQUENCE', `${sequence}`)
    else {
      post.response.once('close', () => this.#order.drop(post))
      this.#hasten()
      this.#advance()
    }
  }

  #advance(): void {
    if (this.isOver) for (const post of this.#order.clear()) refuse(post.response, 404)
    if (this.#current !== undefined || this.destroyed) return
    const post = this.#order.due()
    if (post === undefined) return
    this.#current = post
    this.#came = 0
    post.request
      .on('data', (bytes: Buffer) => this.#receive(post, bytes))
      // one turn later, so that an answer to this data is in its own reply
      .once('end', () => setImmediate(() => this.#arrived(post)))
      .once('close', () => this.#brokeOff(post))
  }

  #receive(post: Post, bytes: Buffer): void {
    if (this.destroyed) return
    const known = Math.max(0, this.#handed - this.#came)
    this.#came += bytes.length
    if (this.#came > this.limits.tunnelPostBytes) {
      this.#refuse(post, 413, 'ERR_RTMP_TUNNEL_POST')
      return
    }
    // the single byte of other posts has no meaning: a post must not be empty
    if (post.verb !== 'send' || known >= bytes.length) return
    this.#handed = this.#came
    if (!this.deliver(bytes.subarray(known))) post.request.pause()
  }

  protected override emptied(): void {
    this.#current?.request.resume()
  }

  /** A connection was lost during a post. The client may repeat it, and its bytes are not passed on twice. */
  #brokeOff(post: Post): void {
    if (post.request.readableEnded || this.#current !== post) return
    this.#current = undefined
    this.#advance()
  }

  /** librtmp polls as fast as it is answered, whatever the interval: its poll waits here until there is data. */
  #arrived(post: Post): void {
    const ms = this.#pollAt - this.clock.now()
    const isEarly = post.verb === 'idle' && ms > 0 && this.writableLength === 0 && !this.writableFinished
    if (isEarly && !this.destroyed) this.#early = { post, stop: this.clock.after(ms, () => this.#hasten()) }
    else this.#answer(post)
  }

  #hasten(): void {
    const early = this.#early
    this.#early = undefined
    early?.stop()
    if (early !== undefined) this.#answer(early.post)
  }

  protected override filled(): void {
    if (this.#early !== undefined) setImmediate(() => this.#hasten())
  }

  #answer(post: Post): void {
    if (this.destroyed) return
    this.#current = undefined
    this.#handed = 0
    const { verb, response } = post
    // a client learns the end because the session is unknown; data that it still sends is read until it polls
    const isLeft = verb === 'idle' && this.writableFinished
    if (isLeft) refuse(response, 404)
    else {
      this.#reply = verb === 'close' ? NOTHING : this.#next()
      for (const each of [post, ...this.#order.done()]) reply(each.response, this.#reply)
    }
    if (verb === 'close' || isLeft) this.over()
    this.#advance()
  }

  #next(): Buffer {
    const bytes = this.draw(this.limits.tunnelReplyBytes)
    const interval = this.#interval.next(bytes.length === 0)
    this.#pollAt = this.clock.now() + pollingMs(interval)
    return Buffer.concat([Buffer.of(interval), bytes])
  }

  #refuse({ response }: Post, status: number, code: RtmpErrorCode, detail?: string): void {
    refuse(response, status)
    this.destroy(new ProtocolError(code, { layer: 'tunnel', detail }))
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#early?.stop()
    if (this.#current !== undefined) refuse(this.#current.response, 404)
    for (const { response } of this.#order.clear()) refuse(response, 404)
    super._destroy(error, done)
  }
}

/** A listener for `'request'` of a server of node:http or node:https, and a handler for Express and similar. */
export type TunnelHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void

const OPEN = /^\/open\/1$/
const POST = /^\/(send|idle|close)\/([0-9a-f]{32})\/(\d{1,15})$/
/** Flash requests this first, and continues when it is not found. */
const IDENT = '/fcs/ident2'

/**
 * RTMPT, the HTTP tunnel, in your own server: `http.createServer(tunnelServer(bytes => ...))`. Each session is passed
 * as a Duplex of bytes, for a wire: `messageWire(bytes, { role: 'server' })`. Requests that do not belong to the tunnel
 * go to `next`, or are answered with 404; so are requests for unknown sessions. Over https it is RTMPTS.
 */
export function tunnelServer(onConnection: (bytes: TunnelSession) => void, options: TunnelOptions = {}): TunnelHandler {
  const limits = limitsWith(options.limits)
  const sessions = new Map<string, TunnelSession>()

  function open(request: IncomingMessage, response: ServerResponse): void {
    if (sessions.size >= limits.tunnelSessions) {
      refuse(response, 503)
      return
    }
    const id = randomBytes(16).toString('hex')
    const session = new TunnelSession(request, options)
    sessions.set(id, session)
    for (const end of ['end', 'close'] as const) session.once(end, () => sessions.delete(id))
    // librtmp takes everything but the last byte as the id
    reply(response, Buffer.from(`${id}\n`))
    onConnection(session)
  }

  return (request, response, next) => {
    const path = request.method === 'POST' ? (request.url ?? '') : ''
    const [, verb, id, sequence] = POST.exec(path) ?? []
    if (OPEN.test(path)) open(request, response)
    else if (verb !== undefined) {
      const session = sessions.get(id!)
      if (session === undefined || session.destroyed) refuse(response, 404)
      else session.post(Number(sequence), { verb: verb as Post['verb'], request, response })
    } else if (path === IDENT || next === undefined) refuse(response, 404)
    else next()
  }
}

function reply(response: ServerResponse, body: Buffer): void {
  if (response.destroyed) return
  const headers = { 'Content-Type': 'application/x-fcs', 'Content-Length': body.length, 'Cache-Control': 'no-cache' }
  response.writeHead(200, headers).end(body)
}

/** The connection closes with it, so that an unwanted body is not read to its end. */
function refuse(response: ServerResponse, status: number): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { 'Content-Length': 0, Connection: 'close' }).end()
}
