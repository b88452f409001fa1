import type { AmfValue } from '../amf/amf-value.ts'
import { debug, failed, playEnd, playStart, publishEnd, publishStart, sessionEnd, sessionStart } from '../channels.ts'
import { type Clock, systemClock } from '../clock.ts'
import { asError, hasLeft, Refused, RtmpError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { callListeners } from '../listeners.ts'
import { type AddressedBatch, MessageBatch } from '../live/message-batch.ts'
import { isMedia } from '../media/media-state.ts'
import {
  type Command,
  commandMessage,
  errorCommand,
  isCommand,
  isCommandType,
  readCommand,
  resultCommand
} from '../message/command.ts'
import {
  isProtocolControlType,
  MESSAGE_COST,
  type Message,
  type MessageStreamId,
  MessageTypeId
} from '../message/message.ts'
import { readUserControlEvent, type UserControlEvent, userControlMessage } from '../message/user-control-event.ts'
import { clearTakerOf, type Taker, takerOf } from '../stream/direct.ts'
import { sides } from '../stream/sides.ts'
import { TakingDuplex } from '../stream/taking.ts'
import type { EmitterOf } from '../stream/typed.ts'
import type { LifeSigns, Wire } from '../wire.ts'
import { DebugLines } from './debug-lines.ts'
import { type Due, Liveness } from './liveness.ts'
import type { Engaged, NetStream } from './net-stream.ts'
import { NO_COUNTERS, type SessionStats } from './session-stats.ts'

/** Options of both sides of a session. */
export interface NetConnectionOptions {
  /** Limits that differ from the defaults: see Limits. */
  limits?: Partial<Limits>
  /** The clock to use; the system's by default. */
  clock?: Clock
  /** Of a session between peers (RFC 7425, 5.4), which has no connect: its message stream, the only one. */
  messageStreamId?: MessageStreamId
}

/** How a session ended: the peer `'left'`, it was `'closed'` on this side, or it failed with this error. */
export type CloseReason = 'left' | 'closed' | Error

/**
 * Answers a command: with `_result`, or with `_error` for a Refused. A command with transaction id 0 gets no answer (RTMP 1.0, 7.2.1.2).
 * @throws TypeError when it is already answered.
 */
export type CommandAnswer = (value: AmfValue | Refused) => void

/** Events of both sides of a session, for messages that it does not handle itself. A listener that throws or rejects ends the session. */
export interface NetConnectionEvents {
  /** A message that is not a command, media or user control, such as a shared object's (types 16 and 19). */
  message: [message: Message]
  /** A user control event that the session does not handle. */
  userControl: [event: UserControlEvent]
  /** An unknown command, and a function that answers it. Without a listener the answer is an `_error`. */
  command: [command: Command, answer: CommandAnswer]
}

/** Batches of live media that may be queued for a slow peer. Each may be a large frame, so there are few. */
const BATCHES = 4

/** The channels that say what message streams do. */
const ENGAGED = {
  publish: { start: publishStart, end: publishEnd },
  play: { start: playStart, end: playEnd }
}

/** Outbound media that waits for room. */
interface Waiting {
  readonly items: (Message | AddressedBatch)[]
  readonly done: () => void
}

/**
 * The part of a session that both sides share: a Duplex of Messages in a loop, `pipeline(wire, session, wire)`. Commands may replace
 * their messages. It always reads: inbound messages never wait for outbound ones, or a player whose socket is full could not stop.
 * Outbound media waits for the wire. Answers are counted instead, and a peer that reads none is disconnected with `ERR_RTMP_REPLIES`. It
 * answers pings, and pings a silent peer.
 *
 * Messages that it does not handle are events: see NetConnectionEvents. Without a listener they are dropped, and counted by `stats()`.
 *
 *     from the wire: takeNow, or write (taking.ts)
 *       → _take ─┬→ #hearCommand → command      a promise holds the wire: a request is being decided
 *                ├→ media                       → Publish or Playing → Incoming.deliver → push; full, it holds the wire
 *                ├→ #hearEvent → userControl
 *                └→ 'message'                   what the session does not handle
 *     to the wire:
 *       answers   say → push                    takeNow of the wire, or the buffer; counted, never held
 *       media     Outgoing._take → send ─┬→ takeBatchNow, or takeNow, of the wire    nothing is buffered
 *                                        ├→ write of the wire, then `done`           the wire is full
 *                                        └→ #waiting … _read → #drain → push, then `done`
 */
export abstract class NetConnection<Own = unknown> extends TakingDuplex<
  Message | Command,
  Message,
  NetConnectionEvents & Own
> {
  protected readonly limits: Limits
  protected readonly clock: Clock
  readonly #waiting: Waiting[] = []
  #wanted = false
  #replyBytes = 0
  #strayBytes = 0
  #strayMessages = 0
  #unknownMessages = 0
  readonly #madeAt: number
  /** The wire it is piped into, or was. */
  #wire: Wire | undefined
  /** Whether the last outbound message has been pushed. */
  #closed = false
  #closeReason: CloseReason | undefined
  #stopLinger: (() => void) | undefined
  /** Started once the session is connected. */
  #liveness: Liveness | undefined
  /** Without a wire that reports it: whether anything arrived since the last check, and when that was seen. */
  #hasHeard = false
  #heardAt = Number.NEGATIVE_INFINITY
  /** Commands in the second that began then. */
  #second = Number.NEGATIVE_INFINITY
  #commands = 0
  /** The error that was told last. */
  #told: unknown
  readonly #lines: DebugLines | undefined

  constructor({ limits, clock = systemClock }: NetConnectionOptions = {}) {
    super({ ...sides({}), readableHighWaterMark: BATCHES })
    this.limits = limitsWith(limits)
    this.clock = clock
    this.#madeAt = clock.now()
    if (debug.enabled) this.#lines = new DebugLines(() => this.label)
  }

  /** What lines of NODE_DEBUG call it. */
  protected get label(): string {
    return 'session:'
  }

  /** Its message streams. */
  protected abstract get streams(): Iterable<NetStream>

  /** Processes a command. While a returned promise is pending, the wire is not read. */
  protected abstract command(command: Command): void | Promise<void>

  /** Processes audio, video, data or an Aggregate. While a returned promise is pending, the wire is not read. */
  protected abstract media(message: Message): void | Promise<void>

  /** Processes a user control event other than a ping; false if it does not handle it. */
  protected abstract userControl(event: UserControlEvent): boolean

  /**
   * The connection has ended: ends everything that depends on it, with this error unless it was closed on this side.
   */
  protected abstract over(reason?: Error): void

  /** What is expected of the peer: see Liveness. */
  protected abstract get due(): Due

  /** Whether nothing more can be sent. */
  protected get isOver(): boolean {
    return this.destroyed || this.#closed
  }

  /** Number of items queued before the wire. */
  get waiting(): number {
    return this.readableLength + this.#waiting.length
  }

  /** Its current numbers: see SessionStats. */
  stats(): SessionStats {
    const { bytesIn, bytesOut, messagesIn, messagesOut } = this.#wire?.counters ?? NO_COUNTERS
    let publishing = 0
    let playing = 0
    for (const { publish, play } of this.streams) {
      if (publish !== undefined) publishing++
      if (play !== undefined) playing++
    }
    return {
      bytesIn,
      bytesOut,
      messagesIn,
      messagesOut,
      waiting: this.waiting,
      publishing,
      playing,
      strayMessages: this.#strayMessages,
      unknownMessages: this.#unknownMessages,
      uptimeMs: this.clock.now() - this.#madeAt
    }
  }

  /** It is made, with all its fields. */
  protected started(): void {
    if (sessionStart.hasSubscribers) sessionStart.publish({ session: this })
    this.#lines?.tell('starts')
  }

  /** An error of it, or of the application's listeners: told once. */
  protected tellError(error: Error): void {
    if (error === this.#told) return
    this.#told = error
    if (failed.hasSubscribers) failed.publish({ error, session: this })
    this.#lines?.failed(error)
  }

  /** A publish or a play on one of its message streams begins or has ended. @internal */
  engaged(kind: 'publish' | 'play', what: 'start' | 'end', stream: Engaged & { readonly path?: string }): void {
    const channel = ENGAGED[kind][what]
    if (channel.hasSubscribers) channel.publish({ session: this, stream })
    this.#lines?.engaged(kind, what, stream.path)
  }

  /** Sends to the peer, without waiting for room: see `limits.replyBytes`. */
  protected say(...items: readonly (Message | Command)[]): void {
    if (this.isOver) return
    for (const item of items) {
      const message = isCommand(item) ? commandMessage(item) : item
      if (isCommand(item)) this.#lines?.said(item)
      if (this.push(message)) continue
      this.#wanted = false
      this.#replyBytes += message.payload.length + MESSAGE_COST
    }
    if (this.#replyBytes > this.limits.replyBytes) this.destroy(new RtmpError('ERR_RTMP_REPLIES'))
  }

  /** Sends media on a message stream: true if it is sent in this call; otherwise it waits for room, and `done` is called then. @internal */
  send(item: Message | MessageBatch, messageStreamId: MessageStreamId, done: () => void): boolean {
    const wire = this.#clearWire
    if (wire !== undefined) {
      if (item instanceof MessageBatch) {
        if (wire.takeBatchNow(item, messageStreamId)) return true
        // the wire may buffer it as well as this session
        wire.write({ batch: item, messageStreamId }, done)
      } else {
        const message = { ...item, messageStreamId }
        if (wire.takeNow(message)) return true
        wire.write(message, done)
      }
      return false
    }
    const waiting = { items: this.#addressed(item, messageStreamId), done }
    this.#waiting.push(waiting)
    this.#drain(waiting)
    return this.#waiting.at(-1) !== waiting
  }

  /** The wire that it is piped into, or was; undefined if that is another stream. */
  protected get wire(): Wire | undefined {
    this.#wire ??= wireOf(takerOf(this))
    return this.#wire
  }

  /** The wire it is piped into, if the wire takes batches and no answer or media waits here. */
  get #clearWire(): Wire | undefined {
    return this.#closed || this.#waiting.length > 0 ? undefined : wireOf(clearTakerOf(this))
  }

  /** Removes the queued item of this `done`. @internal */
  unsend(done: () => void): void {
    const at = this.#waiting.findIndex(waiting => waiting.done === done)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  /**
   * Starts watching the peer: a silent peer is pinged, and ends with `ERR_RTMP_IDLE` if it does not answer. See
   * Liveness.
   */
  protected watch(): void {
    if (this.isOver) return
    this.#liveness = new Liveness(this.clock, this.limits, {
      signs: () => wireOf(takerOf(this)) ?? this.#signs(),
      due: () => this.due,
      ask: () => this.say(userControlMessage({ kind: 'PingRequest', timestamp: this.clock.now() >>> 0 })),
      gone: () => this.destroy(new RtmpError('ERR_RTMP_IDLE'))
    })
  }

  /** Pings the peer now. */
  protected askNow(): void {
    this.#liveness?.ask()
  }

  /** The signs of life of the peer, where messages are the only source. */
  #signs(): LifeSigns {
    if (this.#hasHeard) this.#heardAt = this.clock.now()
    this.#hasHeard = false
    return { heardAt: this.#heardAt, isHeldBack: this._isBusy, owesAcknowledgement: false }
  }

  /**
   * Counts media that arrives without a grant; true when it exceeds `limits.strayBytes`. Some may be in transit when a
   * publish is refused or ends.
   */
  protected isTooMuch({ payload }: Message): boolean {
    this.#strayMessages++
    this.#strayBytes += payload.length + MESSAGE_COST
    return this.#strayBytes > this.limits.strayBytes
  }

  /** A request was granted: resets the count. */
  protected countAnew(): void {
    this.#strayBytes = 0
  }

  /** Emits an unknown command; without a listener it is answered, if its transaction id is not 0. */
  protected unknown(asked: Command): void {
    if (this.#tell('command', asked, this.#answerTo(asked)) || asked.transactionId <= 0) return
    const description = `unknown command ${asked.name.slice(0, 64)}`
    this.say(errorCommand(asked, null, { level: 'error', code: 'NetConnection.Call.Failed', description }))
  }

  /** Calls the listeners of an event; false if there are none. One that throws or rejects ends the session. */
  #tell<Name extends keyof NetConnectionEvents>(event: Name, ...args: NetConnectionEvents[Name]): boolean {
    const listeners = (this as EmitterOf<NetConnectionEvents>).rawListeners(event)
    return callListeners(listeners, this, args, thrown => this.destroy(asError(thrown)))
  }

  #answerTo(asked: Command): CommandAnswer {
    let isAnswered = false
    return value => {
      if (isAnswered) throw new TypeError(`${asked.name} was answered already`)
      isAnswered = true
      if (asked.transactionId <= 0) return
      const isRefused = value instanceof Refused
      const information = isRefused && { level: 'error', code: value.status, description: value.description }
      this.say(information ? errorCommand(asked, null, information) : resultCommand(asked, null, value as AmfValue))
    }
  }

  /** How the session ended: see CloseReason. Undefined until then. */
  get closeReason(): CloseReason | undefined {
    return this.#closeReason
  }

  /** Ends the connection after what was sent. Destroys it `limits.lingerMs` later if the peer has not disconnected. */
  close(): void {
    this.#leave('closed')
  }

  /** As close, because of an error. */
  protected fail(fault: Error): void {
    this.#leave(fault)
  }

  #leave(reason: CloseReason): void {
    if (this.isOver) return
    this.#closeReason = reason
    this.over(reason === 'left' ? gone() : reason === 'closed' ? undefined : reason)
    this.#closed = true
    this.#liveness?.stop()
    this.#stopLinger = this.clock.after(this.limits.lingerMs, () => this.destroy())
    this.push(null)
  }

  override _take(item: Message | Command): boolean {
    this.#hasHeard = true
    let hearing: void | Promise<void>
    if (isCommand(item)) hearing = this.#hearCommand(item)
    else if (isCommandType(item.type)) hearing = this.#hearCommand(readCommand(item, { limits: this.limits }))
    else if (isMedia(item) || item.type === MessageTypeId.Aggregate) hearing = this.media(item)
    else {
      if (item.type === MessageTypeId.UserControl) this.#hearEvent(readUserControlEvent(item.payload))
      else if (!isProtocolControlType(item.type) && !this.#tell('message', item)) this.#unknownMessages++
      return true
    }
    return hearing === undefined || this._takenWhen(hearing)
  }

  override _takeEnd(): boolean {
    this.#leave('left')
    return true
  }

  override _read(): void {
    this.#wire ??= wireOf(takerOf(this))
    this.#wanted = true
    this.#replyBytes = 0
    this.#drain()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#closeReason ??= error === null ? 'closed' : hasLeft(error) ? 'left' : error
    const reason = this.#closeReason
    this.#stopLinger?.()
    this.#liveness?.stop()
    this.over(error ?? gone())
    this.#waiting.length = 0
    if (reason instanceof Error) this.tellError(reason)
    if (sessionEnd.hasSubscribers) sessionEnd.publish({ session: this, reason })
    this.#lines?.tell(`ends: ${reason instanceof Error ? reason.name : reason}`)
    super._destroy(error, done)
  }

  #hearCommand(command: Command): void | Promise<void> {
    this.#lines?.heard(command)
    const now = this.clock.now()
    if (now - this.#second >= 1000) {
      this.#second = now
      this.#commands = 0
    }
    if (++this.#commands > this.limits.commandsPerSecond) throw new RtmpError('ERR_RTMP_COMMANDS')
    return this.command(command)
  }

  #hearEvent(event: UserControlEvent): void {
    if (event.kind === 'PingRequest') this.say(userControlMessage({ kind: 'PingResponse', timestamp: event.timestamp }))
    else if (event.kind === 'PingResponse') this.#liveness?.answered()
    else if (this.userControl(event) || this.#tell('userControl', event)) return
    else if (event.kind === 'Unknown') this.#unknownMessages++
  }

  #addressed(item: Message | MessageBatch, messageStreamId: MessageStreamId): (Message | AddressedBatch)[] {
    if (!(item instanceof MessageBatch)) return [{ ...item, messageStreamId }]
    if (wireOf(takerOf(this)) !== undefined) return [{ batch: item, messageStreamId }]
    return item.messages.map(message => ({ ...message, messageStreamId }))
  }

  /** Sends queued media while there is room. `sending` is the item of a `send` in progress, which reports by its result. */
  #drain(sending?: Waiting): void {
    while (this.#wanted && !this.#closed && this.#waiting.length > 0) {
      const waiting = this.#waiting[0]!
      const { items } = waiting
      const item = items.shift()
      // only a wire that takes batches is given any: see #addressed
      if (item !== undefined) this.#wanted = this.push(item as Message)
      if (items.length > 0) continue
      this.#waiting.shift()
      if (waiting !== sending) waiting.done()
    }
  }
}

const isWire = (to: Taker): to is Wire => 'takesBatches' in to
const wireOf = (to: Taker | undefined): Wire | undefined => (to !== undefined && isWire(to) ? to : undefined)

const gone = () => new RtmpError('ERR_RTMP_PREMATURE_CLOSE', 'peer disconnected')
