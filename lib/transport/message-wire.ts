import { Socket } from 'node:net'
import { debug } from '../channels.ts'
import type { ChunkReaderOptions } from '../chunk/chunk-reader.ts'
import type { MessageWriterOptions } from '../chunk/message-writer.ts'
import { setPeerBandwidth, windowAcknowledgementSize } from '../chunk/protocol-control.ts'
import { systemClock } from '../clock.ts'
import { ProtocolError } from '../errors.ts'
import { HandshakeLayer, type HandshakeLayerOptions } from '../handshake/handshake-layer.ts'
import type { SwfHash } from '../handshake/swf.ts'
import { limitsWith } from '../limits.ts'
import { type AddressedBatch, isAddressedBatch, type MessageBatch } from '../live/message-batch.ts'
import { isMedia } from '../media/media-state.ts'
import { type Message, type MessageStreamId, MessageTypeId } from '../message/message.ts'
import { readOut } from '../stream/read-out.ts'
import type { DuplexLike } from '../stream/typed.ts'
import { peerOf, type Wire, type WireCounters } from '../wire.ts'
import { ChunkCodec } from './chunk-codec.ts'
import { SwfVerification } from './swf-verification.ts'
import { WireWatch } from './wire-watch.ts'

/** Options of MessageWire. */
export interface MessageWireOptions
  extends HandshakeLayerOptions,
    MessageWriterOptions,
    Pick<ChunkReaderOptions, 'strict'> {
  /**
   * Bytes between two Acknowledgements: 2,500,000. It applies to received bytes until the peer announces its own
   * window. A server announces it for sent bytes before its first message.
   */
  windowSize?: number
  /**
   * SWF verification: the SWF that a client proves when the server asks, or the SWFs that a server accepts. A server
   * asks after the first message; a client that proves none of them within `limits.handshakeMs` ends with
   * `ERR_RTMP_SWF`. It excludes clients that do not know the SWF; anyone who has the file can compute its hash.
   */
  swf?: SwfHash | readonly SwfHash[]
}

/**
 * Nearly every video frame, and every audio frame, fits in one chunk. FFmpeg's publisher adopts the size of its server.
 */
const CHUNK_SIZE = 65536
/** Batches of live media that may be queued for a slow peer. */
const BATCHES = 4
/** The default window of acknowledgements, for both directions, in bytes. */
const WINDOW_SIZE = 2_500_000

/*
 *     up      lower 'data' (layer-inbound.ts) → inbound (handshake-layer.ts) → plain: ChunkReader → MessageReader
 *               → yield → Outlet → push → takeNow of the session
 *     down    takeNow, or write (taking.ts) → outbound: MessageWriter → ChunkWriter ─┐
 *             takeBatchNow: batch.encoded, shared by all players ────────────────────┤
 *             answers to protocol control: codec → answer ┐                          │
 *                                                         └→ down ←──────────────────┴ #put
 *                                                              → lower.write, encrypted if it is RTMPE
 */

/**
 * The tower of stages in one object: a Duplex of Messages over a Duplex of bytes, with handshake, chunk stream and
 * acknowledgements. Servers and clients use it; the same codecs run in the single stages. Messages of one hop (types 1,
 * 2, 3, 5 and 6) are applied and not passed on; its own Set Chunk Size is sent first. Errors are those of
 * HandshakeStream, ChunkReader and MessageReader. It overwrites the bytes that a socket has read, unless another
 * listener reads that socket's `'data'` too. When the peer has ended it ends too, and `limits.lingerMs` after its data
 * was read it is destroyed: RTMP has no half-close.
 */
export class MessageWire extends HandshakeLayer<Message, Message | AddressedBatch> implements Wire {
  readonly takesBatches = true
  readonly #codec: ChunkCodec
  readonly #watch: WireWatch
  readonly #swf: SwfVerification | undefined
  /** Whether the bytes a socket reads belong to this wire: no other listener. */
  readonly #isSocket: boolean
  /** Whether its lower is read to its end after the peer has ended. */
  #readsOut = false
  #messagesIn = 0
  #messagesOut = 0

  constructor(lower: DuplexLike<Buffer, Buffer>, options: MessageWireOptions = {}) {
    const { role = 'server', chunkSize = CHUNK_SIZE, windowSize = WINDOW_SIZE, clock = systemClock } = options
    const ofServer = role === 'client' ? [] : [windowAcknowledgementSize(windowSize), setPeerBandwidth(windowSize)]
    // before super, as in HandshakeLayer
    const swfs = [options.swf ?? []].flat()
    const swf = swfs.length > 0 ? new SwfVerification(role, swfs) : undefined
    const label = () => `wire of ${peerOf(lower) || 'a peer'}:`
    const codec = new ChunkCodec(
      {
        isFull: () => this.lower.writableNeedDrain,
        answer: bytes => this.answer(bytes),
        acknowledged: () => this.#watch.acknowledged(this.#sent),
        label
      },
      { ...options, chunkSize, windowSize, announce: options.announce ?? ofServer }
    )
    const watch = new WireWatch(clock, limitsWith(options.limits), error => this.destroy(error))
    super(lower, options, { from: 'objects', to: 'objects', writableHighWaterMark: BATCHES })
    this.#codec = codec
    this.#watch = watch
    this.#swf = swf
    this.#isSocket = lower instanceof Socket
    if (debug.enabled) {
      this.once('handshake', () => {
        const how = `${this.encryption ? 'encrypted, ' : ''}chunk size ${chunkSize}, window size ${windowSize}`
        debug('%s handshake done: %s', label(), how)
      })
    }
  }

  /**
   * Bytes of unfinished messages, and an estimate of the bytes queued for a slow peer. The lower holds about one item, and the items queued
   * before it are assumed to be as long. The item in the lower is not counted: every player has one at some time, and for live media all
   * players share its bytes.
   */
  heldBytes(behind = 0): number {
    const items = Math.max(0, this.writableLength - 1) + behind
    return this.#codec.held + items * this.lower.writableLength
  }

  get counters(): WireCounters {
    const { bytesIn, bytesOut } = this
    return { bytesIn, bytesOut, messagesIn: this.#messagesIn, messagesOut: this.#messagesOut }
  }

  /** When the peer last sent a byte, or accepted queued bytes, in milliseconds of the clock. */
  get heardAt(): number {
    return this.#watch.heardAt
  }

  /** Whether this side has stopped reading. */
  get isHeldBack(): boolean {
    return this.lower.isPaused()
  }

  get isStalled(): boolean {
    return this.#watch.isStalled
  }

  /**
   * Whether the peer acknowledged regularly, and has since been sent more than twice as much as between any two
   * Acknowledgements.
   */
  get owesAcknowledgement(): boolean {
    return this.#watch.owesAcknowledgement(this.#sent)
  }

  /** Bytes passed to the lower, as far as it counts them. */
  get #sent(): number {
    return (this.lower as Partial<Socket>).bytesWritten ?? 0
  }

  protected override open(): void {
    this.#watch.heard()
    super.open()
  }

  protected override *plain(bytes: Buffer): Generator<Message, void> {
    const codec = this.#codec
    this.#watch.heard()
    codec.feed(bytes, this.#isSocket && this.lower.listenerCount('data') === 1)
    for (let message = codec.next(); message !== undefined; message = codec.next()) {
      if (!this.#readsOut) this.#readOut(message)
      if (this.#swf !== undefined && this.#verifies(message, this.#swf)) continue
      this.#messagesIn++
      yield message
    }
  }

  /**
   * A peer that sends media may have sent more before it ended, which a failed write must not discard. A player has
   * nothing to lose, and reading out would cost two more calls per write.
   */
  #readOut(message: Message): void {
    if (!isMedia(message) && message.type !== MessageTypeId.Aggregate) return
    this.#readsOut = true
    readOut(this.lower)
  }

  /** Handles SWF verification; true for a message that belongs to it. */
  #verifies(message: Message, swf: SwfVerification): boolean {
    const question = swf.question()
    if (question !== undefined) {
      this.#watch.asked(() => this.#unverified('no response within limits.handshakeMs'))
      this.answer(this.#codec.control(question))
    }
    const heard = swf.hear(message, this.swfKey!)
    if (heard === 'another one') throw this.#unverified('response is for another SWF')
    if (heard === 'one of them') this.#watch.answered()
    // a peer that repeats its request without reading answers receives none
    else if (heard !== undefined && !this.lower.writableNeedDrain) this.answer(this.#codec.control(heard))
    return heard !== undefined
  }

  #unverified(detail: string): ProtocolError {
    return new ProtocolError('ERR_RTMP_SWF', { layer: 'message', detail })
  }

  /**
   * As `takeNow({ batch, messageStreamId })`, without the object: it is called for each player. All wires take a batch first, and then all
   * write: with work between two writes, a reader on this machine would fall asleep in between, and waking it is a third of the cost of a
   * write. A long batch is written at once, because copying is most of its cost.
   */
  takeBatchNow(batch: MessageBatch, messageStreamId: MessageStreamId): boolean {
    if (!this._isClear) return false
    try {
      const bytes = this.#batch(batch, messageStreamId)
      if (bytes.length < this.lower.writableHighWaterMark) this.corkTurn()
      this.#put(bytes)
    } catch (error) {
      this.destroy(error as Error)
    }
    return true
  }

  protected override outbound(item: Message | AddressedBatch): boolean {
    return this.#put(isAddressedBatch(item) ? this.#batch(item.batch, item.messageStreamId) : this.#message(item))
  }

  #put(bytes: Buffer): boolean {
    const isTaken = this.down(bytes)
    if (!isTaken) this.#watch.filled()
    return isTaken
  }

  #message(message: Message): Buffer {
    this.#messagesOut++
    return this.#codec.message(message)
  }

  #batch(batch: MessageBatch, messageStreamId: MessageStreamId): Buffer {
    this.#messagesOut += batch.messages.length
    return this.#codec.batch(batch, messageStreamId)
  }

  protected override drained(): void {
    this.#watch.drained()
    this.#codec.sayOwed()
  }

  protected override ended(): void {
    this.tell(this.#codec.cut())
    super.ended()
    this.whenRead(() => {
      if (!this.destroyed) this.#watch.linger()
    })
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#watch.stop()
    super._destroy(error, done)
  }
}

/**
 * A MessageWire: Messages over a Duplex of bytes.
 * @throws RangeError for an option out of range.
 */
export const messageWire = (lower: DuplexLike<Buffer, Buffer>, options?: MessageWireOptions): MessageWire =>
  new MessageWire(lower, options)
