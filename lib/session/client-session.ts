import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { type AmfObject, type AmfValue, propertiesOf } from '../amf/amf-value.ts'
import { Refused, RtmpError } from '../errors.ts'
import { callListeners } from '../listeners.ts'
import type { TrackChoice } from '../media/tracks/choose-tracks.ts'
import type { ObjectEncoding } from '../message/body.ts'
import { type Command, createCommand, resultCommand } from '../message/command.ts'
import { isDataNamed, readData } from '../message/data.ts'
import type { Message, MessageStreamId } from '../message/message.ts'
import type { UserControlEvent } from '../message/user-control-event.ts'
import type { PlayStatus, Status } from '../status.ts'
import type { EmitterOf, StreamEvents } from '../stream/typed.ts'
import { Answers } from './answers.ts'
import { Capabilities, tracksFor } from './capabilities.ts'
import { ClientStream } from './client-stream.ts'
import { hostOf } from './debug-lines.ts'
import { informationOf, refusal, textOf } from './information.ts'
import type { Due } from './liveness.ts'
import { NetConnection, type NetConnectionOptions } from './net-connection.ts'
import { NetStreams } from './net-streams.ts'
import { PeerSessions } from './peer-sessions.ts'
import type { Play } from './play.ts'
import { Playing, type PlayingEvents } from './playing.ts'
import { Publishing, type PublishingEvents } from './publishing.ts'
import { type ReconnectRequest, readReconnectRequest } from './reconnect-request.ts'
import { type ConnectionState, isLegal } from './session-states.ts'

/** Options of ClientSession. */
export interface ClientSessionOptions extends NetConnectionOptions {
  /** Milliseconds to wait for each answer of the peer: 10,000. */
  timeoutMs?: number
}

/** Options of `session.publish()`. */
export interface PublishOptions {
  /** The publishing type (RTMP 1.0, 7.2.2.6): `'live'` (the default), `'record'` or `'append'`. */
  kind?: 'live' | 'record' | 'append'
  /** The tracks that the server receives. By default all, if it has stated that it knows Multitrack, and the primary ones if it has not. */
  tracks?: TrackChoice
}

/** Options of `session.play()`. */
export interface PlayOptions {
  /** Milliseconds to begin at; -1000 for live only, -2000 (the default) for live if there is, else a recording (RTMP 1.0, 7.2.2.1). */
  start?: number
  /** Milliseconds to play; below 0, the default, all. */
  duration?: number
  /** Whether the peer drops what it played before: true. */
  reset?: boolean
  /** Milliseconds of buffer announced to the peer, which a recording may be sent ahead by: 3000. */
  bufferMs?: number
}

/** Events of ClientSession, beside those of a Duplex. */
export interface ClientSessionEvents {
  /** A status of the connection: its information object. */
  status: [information: AmfObject]
  /**
   * A peer, another client of the server, wants to play a stream of this client: decide on it as a server does. Without a listener peers get
   * no answer. Only over RTMFP.
   */
  peerPlay: [play: Play, peerId: string]
  /** The server asks to reconnect, to it or to another server: see ReconnectRequest. pushLive and pullLive follow it. */
  reconnectRequest: [request: ReconnectRequest]
}

/** Another client of the server, over RTMFP: see `session.peer()`. */
export interface Peer {
  /** Its peer id. */
  readonly peerId: string
  /**
   * Plays a stream of the peer. Resolves with a Readable of Messages, which the peer sends directly, and continues to send if the server is
   * gone.
   * @throws Refused by the peer, RtmpError `ERR_RTMP_HANDSHAKE_TIMEOUT` if the server does not introduce the two or there is no such peer,
   *   `ERR_RTMP_ANSWER_TIMEOUT`, `ERR_RTMP_PREMATURE_CLOSE` if the peer or this session is closed; TypeError for an invalid peer id, and for
   *   a session that is not over RTMFP.
   */
  play(name: string, options?: PlayOptions): Promise<Playing>
}

const TIMEOUT_MS = 10_000
/** The statuses by which a server ends a play. */
const ENDS: readonly PlayStatus[] = ['NetStream.Play.Stop', 'NetStream.Play.Complete', 'NetStream.Play.UnpublishNotify']
const LIVE_ONLY = -1000

/**
 * The client side of a session: `pipeline(wire, clientSession(), wire)`, then `connect`. It waits at most `timeoutMs`
 * for each answer, and does not wait where some servers send none (releaseStream, FCPublish). A refusal of the peer is
 * a Refused with the status it sent.
 *
 * Events: see ClientSessionEvents and NetConnectionEvents.
 */
export class ClientSession extends NetConnection<ClientSessionEvents> {
  readonly #timeoutMs: number
  readonly #answers: Answers<number, readonly AmfValue[]>
  readonly #streams = new NetStreams<ClientStream>()
  /** Ids of message streams deleted on this side. Messages that still arrive for them are ignored. */
  readonly #deleted = new Set<MessageStreamId>()
  #state: ConnectionState = 'new'
  /** Encoding of calls: 3 once both sides have announced AMF3 (RTMP 1.0, 7.2.1.1). */
  #encoding: ObjectEncoding = 0
  #transaction = 0
  /** Scheme, host and port of the server, by the tcUrl of connect. */
  #host = ''
  /** The message stream of a session between peers. */
  readonly #onlyStreamId: MessageStreamId | undefined
  readonly #peers: PeerSessions
  #tcUrl = ''
  #capabilities = new Capabilities()

  /** @throws RangeError for a time that is not above 0. */
  constructor({ timeoutMs = TIMEOUT_MS, ...options }: ClientSessionOptions = {}) {
    super(options)
    if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be a positive number, not ${timeoutMs}`)
    this.#timeoutMs = timeoutMs
    this.#answers = new Answers(this.clock, timeoutMs)
    this.#peers = new PeerSessions(this.limits, this.clock)
    this.#onlyStreamId = options.messageStreamId
    if (this.#onlyStreamId !== undefined) {
      this.#state = 'connected'
      this.watch()
    }
    this.started()
  }

  /**
   * The peer id of this client, 64 digits of hex, by which the other clients of the server play from it (RFC 7425, 4.3.2): Flash's nearID.
   * Undefined unless the wire is over RTMFP.
   */
  get ownPeerId(): string | undefined {
    return this.wire?.peers?.ownId
  }

  /** The capabilities of the server, from its answer to connect (Enhanced RTMP v2). */
  get capabilities(): Capabilities {
    return this.#capabilities
  }

  protected override get label(): string {
    return `client of ${this.#host || 'a server'}:`
  }

  /**
   * Connects to an application (RTMP 1.0, 7.2.1.1) with a command object and optional arguments. Resolves with the
   * information object of the answer.
   * @throws Refused, RtmpError `ERR_RTMP_ANSWER_TIMEOUT`, TypeError when it is already connected.
   */
  async connect(info: AmfObject, ...rest: readonly AmfValue[]): Promise<AmfObject> {
    this.#tcUrl = textOf(info.tcUrl)
    this.#host = hostOf(this.#tcUrl)
    const answer = this.#ask('connect', [info, ...rest])
    this.#state = 'connecting'
    const args = await answer
    const information = propertiesOf(args[1]) ?? {}
    // the transaction id identifies the answer; the name only says that it is one
    if (information.level === 'error') throw refusal(args)
    this.#state = 'connected'
    this.#capabilities = new Capabilities({ ...propertiesOf(args[0]), ...information })
    this.watch()
    this.#meetPeers()
    if (info.objectEncoding === 3 && information.objectEncoding === 3) this.#encoding = 3
    return information
  }

  /**
   * Calls a procedure of the peer (RTMP 1.0, 7.2.1.2). Resolves with its result.
   * @throws Refused, RtmpError `ERR_RTMP_ANSWER_TIMEOUT`, TypeError when it is not connected.
   */
  async call(name: string, ...args: readonly AmfValue[]): Promise<AmfValue> {
    const [, answer] = await this.#ask(name, [null, ...args])
    return answer
  }

  /**
   * Creates a message stream (RTMP 1.0, 7.2.1.3) for commands of your own. `publish` and `play` create theirs.
   * @throws as call.
   */
  async createStream(): Promise<MessageStreamId> {
    const id = await this.call('createStream')
    if (typeof id === 'number' && id >>> 0 === id) return id
    const said = typeof id === 'number' ? id : typeof id
    throw new Refused('NetConnection.Call.Failed', `server answered createStream with ${said}`)
  }

  /**
   * Publishes a stream. The name may include a query. Resolves with a Writable of Messages.
   * @throws Refused, such as `NetStream.Publish.BadName`; RangeError for an invalid track id; otherwise as call.
   */
  async publish(
    name: string,
    { kind = 'live', tracks = tracksFor(this.#capabilities) }: PublishOptions = {}
  ): Promise<Publishing> {
    this.#tell('releaseStream', name)
    this.#tell('FCPublish', name)
    const stream = await this.#newStream()
    const publishing = new Publishing(stream, tracks, () => this.#unpublish(stream, name))
    await this.#granted(stream, publishing, () => {
      const answer = stream.ask('publish', name, kind)
      stream.begin('publishing', publishing)
      return answer
    })
    // a publish destination sends nothing on its own: a ping now shows whether it answers, before the link fails
    this.askNow()
    return publishing
  }

  /**
   * Plays a stream. Resolves with a Readable of Messages.
   * @throws Refused, such as `NetStream.Play.StreamNotFound`; otherwise as call.
   */
  async play(name: string, { start = -2000, duration, reset, bufferMs = 3000 }: PlayOptions = {}): Promise<Playing> {
    if (start === LIVE_ONLY && this.#onlyStreamId === undefined) this.#tell('FCSubscribe', name)
    const stream = await this.#newStream()
    const playing = new Playing(stream)
    const range = reset === undefined ? (duration === undefined ? [] : [duration]) : [duration ?? -1000, reset]
    return this.#granted(stream, playing, () => {
      const answer = stream.ask('play', name, start, ...range)
      stream.begin('playing', playing)
      stream.setBufferLength(bufferMs)
      return answer
    })
  }

  /**
   * Another client of the server, by its peer id, which the application has to learn in its own way. The server introduces the two if its
   * application allows it. Only over RTMFP (RFC 7425, 5.4).
   *
   * @example
   * ```ts
   * client.on('peerPlay', play => void pipeline(live.player(), play.accept(), report))
   * console.log('play me by', client.ownPeerId)
   * const friend: Peer = client.peer('0123456789abcdef'.repeat(4))
   * for await (const message of await friend.play('camera')) console.log(message.timestamp)
   * ```
   */
  peer(peerId: string): Peer {
    return { peerId, play: (name, options) => this.#playOf(peerId, name, options) }
  }

  /** Ends every publish and play, those with peers too, then the connection. Settles when the session is closed. */
  override close(): Promise<void> {
    const closed = new Promise<void>(resolve => {
      if (this.closed) resolve()
      else this.once('close', resolve)
    })
    super.close()
    this.#peers.close()
    return closed
  }

  /** As close(): `await using session = await connect(...)`. */
  override [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Waits one turn of the event loop, so that code that awaited an answer runs before the messages behind it are
   * processed.
   */
  protected override command(heard: Command): void | Promise<void> {
    if (heard.name === '_result') this.#answers.settle(heard.transactionId, heard.args)
    else if (heard.name === '_error') this.#hearError(heard)
    else if (heard.name === 'onStatus') this.#hearStatus(heard)
    else return this.#hearOther(heard)
    return turnOfTheLoop()
  }

  #hearOther(heard: Command): void {
    const { name } = heard
    // librtmp disconnects on this command too
    if (name === 'close') this.destroy(new Refused('NetConnection.Connect.Closed', 'peer closed the connection'))
    // FFmpeg -listen ends a play with the commands of a publisher; the second may be lost with the connection
    else if (name === 'FCUnpublish' || name === 'deleteStream') this.#hearGoodbye(heard)
    // servers of Adobe measure bandwidth with it
    else if (name === '_onbwcheck') this.say(resultCommand(heard, null, 0))
    else this.unknown(heard)
  }

  #hearGoodbye({ args, messageStreamId }: Command): void {
    const stream = this.#streams.at(typeof args[1] === 'number' ? args[1] : messageStreamId, plays)
    if (stream?.play !== undefined) this.#finish(stream)
  }

  protected override media(message: Message): void | Promise<void> {
    const { messageStreamId } = message
    if (this.#deleted.has(messageStreamId)) return
    const stream = this.#streams.at(messageStreamId, plays)
    if (stream === undefined) {
      if (this.isTooMuch(message)) throw new RtmpError('ERR_RTMP_STRAY')
      return
    }
    if (isDataNamed(message, 'onPlayStatus')) this.#hearPlayStatus(message, stream)
    else {
      stream.begun(message)
      return stream.play?.deliver(message)
    }
  }

  protected override userControl(event: UserControlEvent): boolean {
    const play = event.kind === 'StreamIsRecorded' ? this.#streams.at(event.messageStreamId, plays)?.play : undefined
    if (play !== undefined) play.isRecorded = true
    return play !== undefined
  }

  protected override get streams(): Iterable<ClientStream> {
    return this.#streams
  }

  protected override get due(): Due {
    let isPublishing = false
    for (const { publish, play, isFed } of this.#streams) {
      if (play !== undefined && isFed) return 'media'
      isPublishing ||= publish !== undefined
    }
    return isPublishing ? 'prompt answers' : 'answers'
  }

  protected override over(reason?: Error): void {
    this.#answers.abandon(reason ?? new RtmpError('ERR_RTMP_PREMATURE_CLOSE', 'session closed locally'))
    for (const stream of this.#streams) this.#drop(stream, reason)
    // plays between peers continue without the server, unless the application has closed the session
    if (this.closeReason === 'closed') this.#peers.close()
  }

  /** Reports further addresses of this client to the server (RFC 7425, 5.3.3), and accepts plays of peers. */
  #meetPeers(): void {
    const { peers } = this.wire ?? {}
    if (peers === undefined) return
    this.say(createCommand('setPeerInfo', 0, [null, ...peers.addresses]))
    const accepts = () => !this.isOver && this.listenerCount('peerPlay') > 0
    this.#peers.listen(peers, accepts, (play, peerId) => {
      const listeners = (this as EmitterOf<ClientSessionEvents>).rawListeners('peerPlay')
      callListeners(listeners, this, [play, peerId], play.failed)
    })
  }

  async #playOf(peerId: string, name: string, options?: PlayOptions): Promise<Playing> {
    const { limits, clock } = this
    const { peers } = this.wire ?? {}
    if (peers === undefined) throw new TypeError('only a session over RTMFP has peers')
    const session = this.#peers.dial(
      peers,
      peerId,
      messageStreamId => new ClientSession({ limits, clock, timeoutMs: this.#timeoutMs, messageStreamId })
    )
    try {
      const playing = await session.play(name, options)
      playing.once('close', () => session.close())
      return playing
    } catch (error) {
      session.destroy()
      throw error
    }
  }

  #ask(name: string, args: readonly AmfValue[]): Promise<readonly AmfValue[]> {
    const transactionId = this.#nextTransaction(name)
    // before the command is sent: a peer in this process may answer within the call
    const answer = this.#answers.wait(transactionId, name)
    this.say(createCommand(name, transactionId, args, { encoding: this.#encoding }))
    return answer
  }

  /** Sends a command without waiting for an answer, because some servers send none. */
  #tell(name: string, ...args: readonly AmfValue[]): void {
    this.say(createCommand(name, this.#nextTransaction(name), [null, ...args], { encoding: this.#encoding }))
  }

  #nextTransaction(name: string): number {
    if (this.isOver) throw new RtmpError('ERR_RTMP_PREMATURE_CLOSE', 'connection is closed')
    if (!isLegal(name, this.#state))
      throw new TypeError(`${name} is not allowed while the connection is ${this.#state}`)
    return ++this.#transaction
  }

  async #newStream(): Promise<ClientStream> {
    const id = this.#onlyStreamId ?? (await this.createStream())
    // SRS returns 1 every time
    if (this.#streams.has(id))
      throw new Refused('NetConnection.Call.Failed', `server assigned message stream ${id} twice`)
    const stream = new ClientStream(
      id,
      {
        say: item => this.say(item),
        media: this,
        letGo: () => this.#drop(stream)
      },
      { clock: this.clock, timeoutMs: this.#timeoutMs, next: () => ++this.#transaction }
    )
    this.#streams.add(id, stream)
    this.#deleted.delete(id)
    return stream
  }

  /** Resolves with `asked` once the peer has granted it. If it is refused, its message stream is deleted. */
  async #granted<Asked extends Publishing | Playing>(
    stream: ClientStream,
    asked: Asked,
    ask: () => Promise<unknown>
  ): Promise<Asked> {
    const stillOurs: EmitterOf<StreamEvents> = asked
    // the caller cannot listen yet: until then an error rejects the promise
    stillOurs.on('error', unheard)
    try {
      await ask()
      stillOurs.off('error', unheard)
      this.countAnew()
      return asked
    } catch (error) {
      this.#drop(stream)
      throw error
    }
  }

  #unpublish(stream: ClientStream, name: string): void {
    if (this.#streams.has(stream.id)) this.#tell('FCUnpublish', name)
  }

  #drop(stream: ClientStream, reason?: Error): void {
    if (!this.#streams.delete(stream)) return
    if (this.#deleted.size >= this.limits.messageStreams) this.#deleted.clear()
    this.#deleted.add(stream.id)
    if (!this.isOver && this.#onlyStreamId === undefined) this.#tell('deleteStream', stream.id)
    stream.end(reason)
    stream.state = 'deleted'
    stream.refuse(reason ?? new RtmpError('ERR_RTMP_PREMATURE_CLOSE', 'message stream is closed'))
  }

  #hearError({ transactionId, args }: Command): void {
    const reason = refusal(args)
    this.#answers.refuse(transactionId, reason)
    for (const stream of this.#streams) {
      if (stream.transactionId === transactionId) stream.refuse(reason)
    }
  }

  #hearStatus({ args, messageStreamId }: Command): void {
    const information = informationOf(args)
    if (this.#deleted.has(messageStreamId)) return
    // ZLMediaKit sends some on message stream 0 (issue 4002)
    const isOfStream = messageStreamId !== 0 || textOf(information.code).startsWith('NetStream.')
    const of = (fits?: (stream: ClientStream) => boolean) => this.#streams.at(messageStreamId, fits)
    const stream = isOfStream ? (of() ?? of(waits)) : undefined
    if (stream === undefined) this.#hearOwnStatus(information, args)
    else this.#hearStreamStatus(information, args, stream)
  }

  #hearOwnStatus(information: AmfObject, args: readonly AmfValue[]): void {
    this.emit('status', information)
    if (information.level === 'error') this.destroy(refusal(args))
    const request = readReconnectRequest(information, this.#tcUrl)
    if (request !== undefined) this.emit('reconnectRequest', request)
  }

  #hearStreamStatus(information: AmfObject, args: readonly AmfValue[], stream: ClientStream): void {
    const at: EmitterOf<PublishingEvents & PlayingEvents> | undefined = stream.publish ?? stream.play
    if (information.level === 'error') {
      const reason = refusal(args)
      if (!stream.refuse(reason)) this.#drop(stream, reason)
      return
    }
    const code = textOf(information.code)
    stream.hear(code, information)
    at?.emit('status', information)
    if (ENDS.includes(code)) this.#finish(stream)
  }

  /** A stream that ends counts as begun, announced or not. */
  #finish(stream: ClientStream): void {
    stream.begun()
    this.#drop(stream)
  }

  #hearPlayStatus(message: Message, stream: ClientStream): void {
    if (ENDS.includes(this.#statusOf(message))) this.#finish(stream)
  }

  #statusOf(message: Message): Status {
    try {
      return textOf(propertiesOf(readData(message, { limits: this.limits })[1])?.code)
    } catch {
      return ''
    }
  }
}

const unheard = () => {}
const plays = ({ play }: ClientStream): boolean => play !== undefined
const waits = ({ waits }: ClientStream): boolean => waits
/**
 * A ClientSession for a wire: `pipeline(wire, clientSession(), wire)`.
 * @throws RangeError for a timeout that is not greater than 0.
 *
 * @example
 * ```ts
 * const session = clientSession()
 * pipeline([wire, session, wire], report)
 * await session.connect({ app: 'live', tcUrl: 'rtmp://127.0.0.1/live' })
 * ```
 */
export const clientSession = (options?: ClientSessionOptions): ClientSession => new ClientSession(options)
