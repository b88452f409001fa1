import type { AmfValue } from '../amf/amf-value.ts'
import { asError, ProtocolError, RtmpError } from '../errors.ts'
import { warnOfFailure } from '../listeners.ts'
import { type Command, createCommand, errorCommand, onStatus, resultCommand } from '../message/command.ts'
import type { Message, MessageStreamId } from '../message/message.ts'
import type { UserControlEvent } from '../message/user-control-event.ts'
import type { Status } from '../status.ts'
import { Connect } from './connect.ts'
import { Decisions, isForGood } from './decisions.ts'
import type { Due } from './liveness.ts'
import { NetConnection, type NetConnectionOptions } from './net-connection.ts'
import { NetStream } from './net-stream.ts'
import { NetStreams } from './net-streams.ts'
import { Play } from './play.ts'
import { Publish } from './publish.ts'
import { type ReconnectOptions, reconnectCommand } from './reconnect-request.ts'
import { type ConnectionState, isLegal, isLegalOnStream, isOfStream } from './session-states.ts'
import { streamPath } from './stream-path.ts'

/** A message stream of a server, with the requests granted on it. */
type ServerStream = NetStream<Publish, Play>

/** Options of ServerSession. */
export interface ServerSessionOptions extends NetConnectionOptions {
  /** The address of the peer: `127.0.0.1:50000`. */
  peer?: string
  /** The scheme of the connection: `rtmps`. */
  scheme?: string
  /** The peer id of an RTMFP peer: see `session.peerId`. */
  peerId?: string | undefined
  /** Its number in its host: see `session.id`. */
  id?: number
}

/** Events of ServerSession, beside those of a Duplex. */
export interface ServerSessionEvents {
  /** The peer wants to connect. Without a listener it may. */
  connect: [connect: Connect]
  /** The peer wants to publish. */
  publish: [publish: Publish]
  /** The peer wants to play. */
  play: [play: Play]
  /** A listener of the application to one of these has thrown or rejected. */
  handlerError: [error: Error]
}

/**
 * The server side of a session: `pipeline(wire, serverSession(), wire)`. Its events are the requests of the peer, which
 * a listener accepts or rejects, at once or later.
 *
 * A publish or play without a listener is refused. So is a request whose listener throws, rejects, or does not decide
 * within `limits.decisionMs`. `'handlerError'` (error) reports a listener that failed; if the acceptance was sent
 * already, the failure ends the session. A peer that was refused and requests nothing else within `limits.connectMs` is
 * disconnected. After `'close'`, `closeReason` says how the session ended.
 *
 * Events: see ServerSessionEvents and NetConnectionEvents.
 *
 *     a connect, and its answer:
 *       _take → #hearCommand (net-connection.ts) → command → #hearConnect → ask (decisions.ts) → the 'connect' listener
 *       accept() … end of the turn (request.ts) → granted (connect.ts) → say → push → the wire
 *     a publish or a play: … → #ofStream → #hearRequest → #hearPublish or #hearPlay → ask, and its answer as above
 */
export class ServerSession extends NetConnection<ServerSessionEvents> {
  /** The address of the peer; empty if unknown. */
  readonly peer: string
  /** The scheme of the connection, `rtmp` or another of the family; empty if unknown. */
  readonly scheme: string
  /**
   * Over RTMFP, the peer id, 64 digits of hex, by which the clients of a server know each other (RFC 7425, 4.3.2); otherwise undefined.
   * It is the SHA-256 of the peer's certificate. The peer has proved that it has the private keys, so nobody else can claim the id.
   */
  readonly peerId: string | undefined
  /** Its number among the sessions of its SessionHost or Server, from 1 on; 0 without one. */
  readonly id: number
  readonly #streams = new NetStreams<ServerStream>()
  readonly #decisions: Decisions
  #state: ConnectionState = 'new'
  #connect: Connect | undefined
  /** The highest id that a createStream was answered with. */
  #highestGiven = 0
  #stopConnectTimer: () => void

  constructor({ peer = '', scheme = '', peerId, id = 0, ...options }: ServerSessionOptions = {}) {
    super(options)
    this.peer = peer
    this.scheme = scheme
    this.peerId = peerId
    this.id = id
    this.#decisions = new Decisions(this, this.clock, this.limits.decisionMs)
    this.#stopConnectTimer = this.#startConnectTimer()
    if (options.messageStreamId !== undefined) {
      this.#connect = new Connect(createCommand('connect', 0, [{}]), () => {})
      this.#state = 'connected'
      this.watch()
    }
    this.started()
  }

  protected override get label(): string {
    return `session ${this.id} of ${this.peer || 'a peer'}${this.scheme && ` by ${this.scheme}`}:`
  }

  /** Limits the time to `connect`, and then the time to the first publish or play. */
  #startConnectTimer(): () => void {
    return this.clock.after(this.limits.connectMs, () => this.destroy(new RtmpError('ERR_RTMP_CONNECT_TIMEOUT')))
  }

  /** Limits the time after a refusal to another request; librtmp would wait without limit. */
  #startRefusedTimer(): () => void {
    return this.clock.after(this.limits.connectMs, () => this.close())
  }

  get #isBusy(): boolean {
    for (const { state } of this.#streams) if (state !== 'idle') return true
    return false
  }

  /** The granted connect; undefined before. */
  get connection(): Connect | undefined {
    return this.#state === 'connected' ? this.#connect : undefined
  }

  /**
   * Asks the peer to reconnect (Enhanced RTMP v2, "Reconnect Request"), before this server ends, or to move the peer to another server. The
   * peer continues until its next keyframe, connects, and then disconnects: keep serving it until then. True if it was asked. False, and
   * nothing is sent, if the peer did not state this capability: OBS, FFmpeg and GStreamer do not.
   * @throws TypeError when it is not connected, or for an invalid tcUrl.
   */
  requestReconnect(options: ReconnectOptions = {}): boolean {
    const { connection } = this
    if (connection === undefined) throw new TypeError('peer is not connected')
    const request = reconnectCommand(options, connection.tcUrl)
    if (!connection.capabilities.reconnect || this.isOver) return false
    this.say(request)
    return true
  }

  /** What the peer publishes now. */
  get publishing(): Publish[] {
    return [...this.#streams].flatMap(({ publish }) => publish ?? [])
  }

  /** What the peer plays now. */
  get playing(): Play[] {
    return [...this.#streams].flatMap(({ play }) => play ?? [])
  }

  /** Whether the peer plays a stream. */
  get isPlaying(): boolean {
    for (const { play } of this.#streams) if (play !== undefined) return true
    return false
  }

  /** Number of items queued before the wire. */
  override get waiting(): number {
    let waiting = super.waiting
    for (const { play } of this.#streams) waiting += play?.waiting ?? 0
    return waiting
  }

  protected override command(asked: Command): void | Promise<void> {
    if (!isLegal(asked.name, this.#state)) {
      const detail = `${asked.name.slice(0, 64)}, while the connection is ${this.#state}`
      throw new ProtocolError('ERR_RTMP_SEQUENCE', { layer: 'session', detail })
    }
    if (asked.name === 'connect') return this.#hearConnect(asked)
    return isOfStream(asked.name) ? this.#ofStream(asked) : this.#ofConnection(asked)
  }

  protected override media(message: Message): void | Promise<void> {
    const { publish } = this.#streams.at(message.messageStreamId, publishes) ?? {}
    return publish === undefined ? this.#stray(message) : publish.deliver(message)
  }

  /**
   * Media without a grant. Some may be in transit when a publish is refused or ends. A peer that continues, or whose
   * media could belong to several publishes, is told, and is not read any more until the connection is closed.
   */
  #stray(message: Message): void | Promise<void> {
    const { messageStreamId } = message
    const isOfSeveral = !this.#wasGiven(messageStreamId) && [...this.#streams].some(publishes)
    if (!isOfSeveral && !this.isTooMuch(message)) return
    this.say(
      onStatus(messageStreamId, 'NetStream.Publish.Denied', 'no publish is granted on this message stream', 'error')
    )
    this.fail(new RtmpError('ERR_RTMP_STRAY', `message stream ${messageStreamId}`))
    return new Promise(() => {})
  }

  protected override userControl(event: UserControlEvent): boolean {
    if (event.kind !== 'SetBufferLength') return false
    const { play } = this.#streams.at(event.messageStreamId, plays) ?? {}
    play?.buffer(event.milliseconds)
    return play !== undefined
  }

  protected override get streams(): Iterable<ServerStream> {
    return this.#streams
  }

  protected override get due(): Due {
    let isPaused = false
    for (const { publish, play } of this.#streams) {
      if (publish !== undefined) return 'media'
      if (play !== undefined && !play.isPaused) return 'answers'
      isPaused ||= play !== undefined
    }
    return isPaused ? 'nothing' : 'answers'
  }

  protected override over(): void {
    this.#stopConnectTimer()
    this.#decisions.abandon()
    for (const stream of this.#streams) stream.end()
    this.#streams.clear()
  }

  async #hearConnect(asked: Command): Promise<void> {
    this.#state = 'connecting'
    this.#stopConnectTimer()
    const connect = new Connect(asked, answer => this.say(answer))
    this.#connect = connect
    if (this.listenerCount('connect') === 0) connect.accept()
    await this.#decisions.ask('connect', connect)
    if (!connect.isGranted || this.destroyed) {
      this.close()
      return
    }
    this.#state = 'connected'
    this.watch()
    this.#stopConnectTimer = this.#startConnectTimer()
  }

  #ofConnection(asked: Command): void {
    const value = asked.args[1]
    switch (asked.name) {
      case 'createStream':
        this.#createStream(asked)
        break
      case 'deleteStream':
        if (typeof value === 'number') this.#deleteStream(value)
        break
      case 'releaseStream':
        this.#answer(asked, undefined)
        break
      case 'FCPublish':
        this.#answer(asked, undefined)
        this.#tell('onFCPublish', 'NetStream.Publish.Start', text(value))
        break
      case 'FCUnpublish':
        this.#unpublish(value)
        this.#answer(asked, undefined)
        this.#tell('onFCUnpublish', 'NetStream.Unpublish.Success', text(value))
        break
      case 'FCSubscribe':
        this.#answer(asked, undefined)
        this.#tell('onFCSubscribe', 'NetStream.Play.Start', text(value))
        break
      case 'setPeerInfo':
        this.wire?.heedPeerInfo?.(asked.args)
        break
      case 'getStreamLength':
      case '_checkbw':
        this.#answer(asked, 0)
        break
      case '_result':
      case '_error':
      case 'onStatus':
        break
      default:
        this.unknown(asked)
    }
  }

  #ofStream(asked: Command): void | Promise<void> {
    const { name, messageStreamId } = asked
    const fits = ({ state }: ServerStream) => isLegalOnStream(name, state)
    if (name === 'publish' || name === 'play') return this.#hearRequest(asked, fits)
    const stream = this.#streams.at(messageStreamId, fits)
    if (stream === undefined) return
    if (name === 'closeStream') stream.end()
    else this.#ofPlay(asked, stream.play)
  }

  /**
   * The request belongs to the only stream that fits, or to a new one if there is none. Answers use the id it came on.
   */
  #hearRequest(asked: Command, fits: (stream: ServerStream) => boolean): void | Promise<void> {
    const { name, messageStreamId } = asked
    if (this.#streams.size === 0) this.#add(messageStreamId)
    const stream = this.#streams.at(messageStreamId) ?? this.#streams.at(messageStreamId, fits)
    if (stream === undefined) {
      this.#refuse(asked, 'unknown message stream id')
      this.close()
    } else if (fits(stream)) {
      stream.id = messageStreamId
      return name === 'publish' ? this.#hearPublish(asked, stream) : this.#hearPlay(asked, stream)
    } else this.#refuse(asked, `message stream is ${stream.state}`)
  }

  #ofPlay({ name, args }: Command, play: Play | undefined): void {
    const value = args[1]
    if (name === 'pause') play?.pause(value === true)
    if (name === 'seek') play?.seek(milliseconds(value, 0))
    if (name === 'receiveAudio') play?.receive('audio', value === true)
    if (name === 'receiveVideo') play?.receive('video', value === true)
  }

  #refuse({ name, messageStreamId }: Command, why: string): void {
    const status = name === 'publish' ? 'NetStream.Publish.BadName' : 'NetStream.Play.Failed'
    this.say(onStatus(messageStreamId, status, why, 'error'))
  }

  #hearPublish({ args }: Command, stream: ServerStream): Promise<void> {
    const publish = new Publish(stream, streamPath(this.#connect!, text(args[1])), text(args[2]) || 'live')
    stream.decide(publish)
    return this.#askOnStream('publish', publish, stream)
  }

  #hearPlay({ args }: Command, stream: ServerStream): Promise<void> {
    const range = {
      start: milliseconds(args[2], -2000),
      duration: milliseconds(args[3], -1000),
      reset: args[4] === undefined || args[4] === true || (typeof args[4] === 'number' && args[4] !== 0)
    }
    const play = new Play(stream, streamPath(this.#connect!, text(args[1])), range, this.connection?.capabilities)
    stream.decide(play)
    return this.#askOnStream('play', play, stream)
  }

  async #askOnStream(event: 'publish' | 'play', request: Publish | Play, stream: ServerStream): Promise<void> {
    this.#stopConnectTimer()
    await this.#decisions.ask(event, request)
    if (request.isGranted) {
      this.countAnew()
      return
    }
    stream.finish(request)
    if (!this.isOver && !this.#isBusy) this.#stopConnectTimer = this.#startRefusedTimer()
  }

  /** A listener of the application has failed: too late to refuse, it ends the session. @internal */
  failedLate(thrown: unknown): void {
    if (this.isOver && isForGood(thrown)) return
    const failure = asError(thrown)
    this.tellFailure(failure)
    this.fail(failure)
  }

  /** A listener of the application has failed. @internal */
  tellFailure(failure: Error): void {
    this.tellError(failure)
    if (!this.emit('handlerError', failure)) warnOfFailure(failure)
  }

  #createStream(asked: Command): void {
    if (this.#streams.size >= this.limits.messageStreams) {
      const description = `connection has ${this.limits.messageStreams} message streams, the maximum`
      this.say(errorCommand(asked, null, { level: 'error', code: 'NetConnection.Call.Failed', description }))
      return
    }
    const id = this.#streams.freeId
    this.#highestGiven = Math.max(this.#highestGiven, id)
    this.#add(id)
    this.#answer(asked, id)
  }

  #add(id: MessageStreamId): void {
    const stream: ServerStream = new NetStream(id, {
      say: item => this.say(item),
      media: this,
      letGo: () => this.#evict(stream)
    })
    this.#streams.add(id, stream)
  }

  /** Whether it is an id returned by createStream. */
  #wasGiven(id: MessageStreamId): boolean {
    return id > 0 && id <= this.#highestGiven
  }

  /** An id that was deleted before is ignored. An id that was never created means the only stream. */
  #deleteStream(id: number): void {
    const wasDeleted = this.#wasGiven(id) && !this.#streams.has(id)
    const stream = wasDeleted ? undefined : this.#streams.at(id)
    if (stream === undefined) return
    stream.end()
    this.#streams.delete(stream)
  }

  /** FMLE's command for the end of a publish, by name; its message stream remains. */
  #unpublish(name: AmfValue): void {
    for (const stream of this.#streams) {
      const { publish } = stream
      if (publish !== undefined && (typeof name !== 'string' || publish.wasNamed(name))) stream.end()
    }
  }

  #evict({ id }: ServerStream): void {
    this.say(onStatus(id, 'NetStream.Publish.Denied', 'publish ended by the server', 'error'))
    this.close()
  }

  #answer(asked: Command, value: AmfValue): void {
    if (asked.transactionId > 0) this.say(resultCommand(asked, null, value))
  }

  #tell(name: string, code: Status, description: string): void {
    this.say(createCommand(name, 0, [null, { level: 'status', code, description: description.slice(0, MAX_TOLD) }]))
  }
}

const publishes = ({ publish }: ServerStream): boolean => publish !== undefined
const plays = ({ play }: ServerStream): boolean => play !== undefined

/** Characters of a peer's text that are sent back. */
const MAX_TOLD = 1024
const text = (value: AmfValue): string => (typeof value === 'string' ? value : '')
const milliseconds = (value: AmfValue, usual: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : usual

/** A ServerSession for a wire: `pipeline(wire, serverSession(), wire)`. */
export const serverSession = (options?: ServerSessionOptions): ServerSession => new ServerSession(options)
