import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { AcknowledgementWindow } from '../chunk/acknowledgement-window.ts'
import { BatchChunks } from '../chunk/batch-chunks.ts'
import { ChunkReader, type ChunkReaderOptions } from '../chunk/chunk-reader.ts'
import { MEDIA_CHUNK_STREAM_IDS } from '../chunk/chunk-stream-id.ts'
import { ChunkWriter } from '../chunk/chunk-writer.ts'
import { MessageReader } from '../chunk/message-reader.ts'
import { MessageWriter, type MessageWriterOptions } from '../chunk/message-writer.ts'
import {
  controlChunk,
  isProtocolControlType,
  setPeerBandwidth,
  windowAcknowledgementSize
} from '../chunk/protocol-control.ts'
import { type Clock, Countdown, systemClock } from '../clock.ts'
import { ProtocolError, RtmpError } from '../errors.ts'
import { HandshakeStream, type HandshakeStreamOptions } from '../handshake/handshake-stream.ts'
import type { SwfHash } from '../handshake/swf.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { type AddressedBatch, isAddressedBatch, MessageBatch } from '../live/message-batch.ts'
import { isMedia } from '../media/media-state.ts'
import { type Message, type MessageStreamId, MessageTypeId } from '../message/message.ts'
import { readOut } from '../stream/read-out.ts'
import { SwfVerification } from './swf-verification.ts'

/** Options of MessageWire. */
export interface MessageWireOptions
  extends HandshakeStreamOptions,
    MessageWriterOptions,
    Pick<ChunkReaderOptions, 'strict'> {
  /**
   * Bytes between two Acknowledgements: 2,500,000. It holds for what we receive until the peer says its own; a server says it
   * of what it sends, ahead of its first message.
   */
  windowSize?: number
  /**
   * SWF verification: what a client says it is when the server asks; what a server asks for behind the first message, one of several.
   * A client that has told none of them within `limits.handshakeMs` is ended with `ERR_RTMP_SWF`. It keeps out who does not know the
   * SWF; whoever has the file can tell its hash.
   */
  swf?: SwfHash | readonly SwfHash[]
}

/** Nearly every video frame in one chunk, and every audio frame. FFmpeg's publisher takes over the size its server has. */
const CHUNK_SIZE = 65536
/** Batches of live media that may wait for a peer that is slow. */
const BATCHES = 4
/** How often we acknowledge, and ask to be acknowledged, unless told. */
const WINDOW_SIZE = 2_500_000
/** So many Acknowledgements make a habit: OBS sends one while it connects, and no other. */
const SHOWN = 3

/**
 * The tower of stages folded into one Duplex of Messages over a Duplex of bytes: handshake, chunk stream, acknowledgements. It is
 * what servers and clients use; the same codecs run in the stages, one by one, for whoever wires them by hand. Messages that
 * belong to one hop (types 1, 2, 3, 5 and 6) are heeded and not passed on; its own Set Chunk Size goes out first. Errors are
 * those of HandshakeStream, ChunkReader and MessageReader. What a socket has read it writes over, unless somebody else listens to that
 * socket's `'data'` too. When the peer has ended, so does it, and `limits.lingerMs` after that was read it is destroyed: RTMP
 * has no half-close.
 */
export class MessageWire extends HandshakeStream<Message, Message | AddressedBatch> {
  /** Says to sessions that live media may come in batches; whatever else they are piped into is given single Messages. */
  readonly takesBatches = true
  readonly #chunkReader: ChunkReader
  readonly #messageReader: MessageReader
  readonly #messageWriter: MessageWriter
  readonly #chunkWriter = new ChunkWriter()
  readonly #window: AcknowledgementWindow
  /** What a socket reads is ours, while nobody else listens. */
  readonly #isSocket: boolean
  readonly #clock: Clock
  readonly #limits: Limits
  /** Whether a batch has gone out since the last message: it wrote on chunk streams that our own headers build on. */
  #batched = false
  /** What batches are asked for: kept, for it is the same for one after the other. */
  #batchChunks = new BatchChunks(0, 0)
  /** Runs while the lower takes nothing. */
  #stall: Countdown | undefined
  #stopLinger: (() => void) | undefined
  readonly #swf: SwfVerification | undefined
  /** Ends the wait for the answer to what we have asked. */
  #stopSwf: (() => void) | undefined
  #heardAt = 0
  /** Whether its lower is read to its end though the peer has gone. */
  #readsOut = false
  /** Bytes that were sent before the last Acknowledgement, how many there were between two at the most, and how many have come. */
  readonly #acknowledged = { at: 0, span: 0, times: 0 }

  constructor(lower: Duplex, options: MessageWireOptions = {}) {
    const {
      limits,
      role = 'server',
      strict,
      chunkSize = CHUNK_SIZE,
      windowSize = WINDOW_SIZE,
      clock = systemClock
    } = options
    const ofServer = role === 'client' ? [] : [windowAcknowledgementSize(windowSize), setPeerBandwidth(windowSize)]
    // ahead of super, which listens to the lower: an option that is wrong must leave nothing half-built there
    const bounds = limitsWith(limits)
    const swfs = [options.swf ?? []].flat()
    const swf = swfs.length > 0 ? new SwfVerification(role, swfs) : undefined
    const chunkReader = new ChunkReader({ ...(limits && { limits }), ...(strict !== undefined && { strict }) })
    const messageReader = new MessageReader({ ...(limits && { limits }) })
    const messageWriter = new MessageWriter({ chunkSize, announce: options.announce ?? ofServer })
    const window = new AcknowledgementWindow({ windowSize })
    super(lower, options, { from: 'objects', to: 'objects', writableHighWaterMark: BATCHES }, false)
    this.#chunkReader = chunkReader
    this.#messageReader = messageReader
    this.#messageWriter = messageWriter
    this.#window = window
    this.#isSocket = lower instanceof Socket
    this.#clock = clock
    this.#limits = bounds
    this.#swf = swf
  }

  /**
   * Bytes it holds: of messages that are not whole yet, and about as many as wait for a peer that is slow, the `behind` items that have
   * not reached it yet included. What is in the lower is about one item, and those behind it are taken to be as long. That one
   * is not counted: every player's is on its way at some time, and of live media it is one and the same.
   */
  heldBytes(behind = 0): number {
    const items = Math.max(0, this.writableLength - 1) + behind
    return this.#messageReader.held + items * this.lower.writableLength
  }

  /** When a byte last came, or the lower had room again, in milliseconds of the clock: what a session knows of its peer's life. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** Whether it is we who do not read. */
  get isHeldBack(): boolean {
    return this.lower.isPaused()
  }

  /** Whether the peer used to acknowledge, and has been sent more than twice as much as between any two Acknowledgements since the last. */
  get owesAcknowledgement(): boolean {
    const { at, span, times } = this.#acknowledged
    return times >= SHOWN && this.#sent - at > 2 * span
  }

  /** Bytes that went down, as far as the lower counts them. */
  get #sent(): number {
    return (this.lower as Partial<Socket>).bytesWritten ?? 0
  }

  #hearAcknowledgement(): void {
    const acknowledged = this.#acknowledged
    const sent = this.#sent
    acknowledged.span = Math.max(acknowledged.span, sent - acknowledged.at)
    acknowledged.at = sent
    acknowledged.times++
  }

  protected override *plain(bytes: Buffer): Generator<Message, void> {
    const reader = this.#chunkReader
    this.#heardAt = this.#clock.now()
    reader.feed(bytes, this.#isSocket && this.lower.listenerCount('data') === 1)
    while (reader.next()) {
      if (reader.chunkEnd) this.#window.receive(reader.byteLength)
      if (!this.lower.writableNeedDrain) this.#say(this.#window.acknowledge())
      if (reader.control !== undefined) {
        this.#messageReader.heed(reader.control)
        this.#window.heed(reader.control)
        if (reader.control.kind === 'Acknowledgement') this.#hearAcknowledgement()
        if (!this.lower.writableNeedDrain) this.#say(this.#window.answer())
      }
      const message = this.#messageReader.add(reader.header, reader.source, reader.start, reader.end, reader.last)
      if (message === undefined || isProtocolControlType(message.type)) continue
      if (!this.#readsOut) this.#readOut(message)
      if (this.#swf === undefined || !this.#verifies(message, this.#swf)) yield message
    }
  }

  /**
   * A peer that sends media has last words, which a write that finds it gone must not discard. Of a player there is nothing to save, and
   * each of its writes would cost two calls more.
   */
  #readOut(message: Message): void {
    if (!isMedia(message) && message.type !== MessageTypeId.Aggregate) return
    this.#readsOut = true
    readOut(this.lower)
  }

  /** Has its part in SWF verification; true for a message that is of it. */
  #verifies(message: Message, swf: SwfVerification): boolean {
    const question = swf.question()
    if (question !== undefined) {
      const late = () => this.destroy(this.#unverified('no response within limits.handshakeMs'))
      this.#stopSwf = this.#clock.after(this.#limits.handshakeMs, late)
      this.#say(question)
    }
    const heard = swf.hear(message, this.swfKey!)
    if (heard === 'another one') throw this.#unverified('response is for another SWF')
    if (heard === 'one of them') this.#stopSwf?.()
    // who asks and asks but takes no answers gets none
    else if (!this.lower.writableNeedDrain) this.#say(heard)
    return heard !== undefined
  }

  #unverified(detail: string): ProtocolError {
    return new ProtocolError('ERR_RTMP_SWF', { layer: 'message', detail })
  }

  /**
   * Sends live media within the call, on a message stream of 32 bits, if nothing waits ahead of it and the lower has room; false if
   * not, and then it is to be written. It is a write at less cost, for what goes to thousands; a batch is cut once for all (see
   * LiveStream.player). What is wrong with an item destroys the wire, as in a write.
   */
  override takeNow(item: Message | MessageBatch, messageStreamId?: MessageStreamId): boolean {
    if (!this.isClear) return false
    try {
      if (item instanceof MessageBatch) this.#putAmongMany(this.#batch(item, messageStreamId!))
      else this.#put(this.#message(messageStreamId === undefined ? item : { ...item, messageStreamId }))
    } catch (error) {
      this.destroy(error as Error)
    }
    return true
  }

  protected override outbound(item: Message | AddressedBatch): boolean {
    return this.#put(isAddressedBatch(item) ? this.#batch(item.batch, item.messageStreamId) : this.#message(item))
  }

  /**
   * A batch goes to many: all are told first, and then all write. What lies between two writes is time for a reader to fall asleep in,
   * and waking it is a third of what a write costs. A long one is mostly copied, and goes at once.
   */
  #putAmongMany(bytes: Buffer): void {
    if (bytes.length < this.lower.writableHighWaterMark) this.corkTurn()
    this.#put(bytes)
  }

  #put(bytes: Buffer): boolean {
    const isTaken = this.down(bytes)
    if (!isTaken && !this.#stall?.isRunning) this.#stalled().begin()
    return isTaken
  }

  #message(message: Message): Buffer {
    if (this.#batched) for (const id of MEDIA_CHUNK_STREAM_IDS) this.#chunkWriter.forget(id)
    this.#batched = false
    return this.#messageWriter.bytes(message, this.#chunkWriter)
  }

  #batch(batch: MessageBatch, messageStreamId: MessageStreamId): Buffer {
    this.#batched = true
    const opening = this.#messageWriter.opening(this.#chunkWriter)
    const { chunkSize } = this.#messageWriter
    const known = this.#batchChunks
    if (known.chunkSize !== chunkSize || known.messageStreamId !== messageStreamId)
      this.#batchChunks = new BatchChunks(chunkSize, messageStreamId)
    const bytes = batch.encoded(this.#batchChunks)
    return opening === undefined ? bytes : Buffer.concat([opening, bytes])
  }

  #stalled(): Countdown {
    const expired = () => this.destroy(new RtmpError('ERR_RTMP_STALLED'))
    this.#stall ??= new Countdown(this.#clock, this.#limits.stallMs, { expired })
    return this.#stall
  }

  protected override open(): void {
    this.#heardAt = this.#clock.now()
    super.open()
  }

  /** While the lower is full answers wait: the latest Acknowledgement and the latest window, never more than the two. */
  protected override drained(): void {
    this.#heardAt = this.#clock.now()
    this.#stall?.pause()
    this.#say(this.#window.answer())
    this.#say(this.#window.acknowledge())
  }

  protected override ended(): void {
    this.tell(this.#chunkReader.cut())
    super.ended()
    this.whenRead(() => {
      if (!this.destroyed) this.#stopLinger ??= this.#clock.after(this.#limits.lingerMs, () => this.destroy())
    })
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stopLinger?.()
    this.#stopSwf?.()
    this.#stall?.stop()
    super._destroy(error, done)
  }

  #say(message: Message | undefined): void {
    if (message !== undefined) this.answer(this.#chunkWriter.write(controlChunk(message)))
  }
}

/**
 * A MessageWire: Messages over a Duplex of bytes.
 * @throws RangeError for an option out of range.
 */
export const messageWire = (lower: Duplex, options?: MessageWireOptions): MessageWire => new MessageWire(lower, options)
