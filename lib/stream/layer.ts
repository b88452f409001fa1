import { type Duplex as CoreDuplex, finished, type Readable } from 'node:stream'
import { RtmpError, type Truncated } from '../errors.ts'
import { LayerInbound } from './layer-inbound.ts'
import { LayerOutbound } from './layer-outbound.ts'
import { type SideOptions, sides } from './sides.ts'
import type { StageEvents } from './stage.ts'
import type { EmitterOf } from './typed.ts'

/** Options of Layer. */
export interface LayerOptions extends SideOptions {
  /** Whether it must first settle something with the peer before anything written goes down; see `open`. */
  opens?: boolean
  /** How much may wait to be written, in bytes or objects: 64 KiB, or 16. */
  writableHighWaterMark?: number
}

/**
 * The second of the two shapes: a Duplex over a Duplex, which reads *and* answers, as TLSSocket does over a socket. What comes
 * from the lower Duplex goes to `inbound`, which hands up with `this.up` (or returns an iterable, drawn as fast as the reader
 * reads) and answers with `this.answer`. What is written above goes to `outbound`.
 *
 * - Until it is open it reads the lower by itself, or a server that only writes would never shake hands; what is written above
 *   waits meanwhile. From then on the reader above sets the pace.
 * - A throw in `inbound` or `outbound` destroys the layer with that error, and the lower without one: an error is named once.
 * - `Own` are further events of one's own, as of a Stage. `Written` is what is written above, where that is not what is read.
 * - The lower's error is the layer's. The lower's end is the layer's end; its other half stays open until it is ended.
 *
 *                 the reader above                 the writer above
 *                         ↑ push                          │ takeNow, or write
 *     layer-inbound.ts    up, or an iterable              ↓
 *                         ↑                            outbound      layer-outbound.ts
 *                      inbound ──── answer, open ────→    ↓
 *                         ↑                             down
 *                         │ 'data'                        ↓ takeNow, or write
 *                                  the lower Duplex
 */
export abstract class Layer<Lower = Buffer, Upper = Lower, Own = unknown, Written = Upper> extends LayerOutbound<
  Written,
  Upper,
  StageEvents & Own
> {
  readonly #inbound: LayerInbound<Lower, Upper>

  constructor(
    lower: CoreDuplex,
    { opens = false, writableHighWaterMark, ...options }: LayerOptions = {},
    source: Readable = lower
  ) {
    super(
      lower,
      {
        allowHalfOpen: true,
        ...sides(options),
        ...(writableHighWaterMark !== undefined && { writableHighWaterMark })
      },
      !opens
    )
    this.#inbound = new LayerInbound(this, source, item => this.inbound(item), !opens)
    // it comes behind the last read of a source, paused or not
    source.on('end', () => this.whenUp(() => this.ended()))
    lower.on('drain', () => this.#drained())
    // not 'close': it races our own finish
    const fail = (error?: Error | null) => {
      if (error) this.failed(error)
    }
    if (source === lower) finished(lower, fail)
    else {
      finished(source, { writable: false }, fail)
      finished(lower, { readable: false }, fail)
    }
    lower.once('close', () => this.#abandoned())
    this.once('end', () => this.#abandoned())
  }

  /** Takes what came from below. */
  protected abstract inbound(item: Lower): void | Iterable<Upper>

  /** The lower has room again: a moment to send what an answer of ours has waited for, ahead of what is written above. */
  protected drained(): void {}

  /** The lower has ended: the layer ends too, unless it has more to say first. */
  protected ended(): void {
    this.push(null)
  }

  /** The lower has failed, or closed before its end: so has the layer. */
  protected failed(error: Error): void {
    this.destroy(error)
  }

  /** Calls `then` once all that the lower brought has gone up, at the pace of the reader there. */
  protected whenUp(then: () => void): void {
    this.#inbound.whenUp(then)
  }

  /** Calls `then` once all has been read above, and the end. */
  protected whenRead(then: () => void): void {
    if (this.readableEnded) then()
    else this.once('end', then)
  }

  /** Hands one item to the reader above. */
  protected up(item: Upper): void {
    this.#inbound.up(item)
  }

  /** Lets through what was written so far, and leaves the pace to the reader above. */
  protected override open(): void {
    this.#inbound.open()
    super.open()
  }

  /** Tells that the input ended inside something; nothing if it did not. */
  protected tell(cut: Truncated | undefined): void {
    if (cut !== undefined) (this as EmitterOf<StageEvents>).emit('truncated', cut)
  }

  override _read(): void {
    this.#inbound.read()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.lower.destroy()
    this.#inbound.close()
    super._destroy(error, done)
  }

  #drained(): void {
    if (this.destroyed) return
    try {
      this.drained()
    } catch (error) {
      this.destroy(error as Error)
    }
    this.goOn()
  }

  /**
   * When the lower has closed by itself and all it brought has been read, there is nobody left to write to: a socket ends its
   * own half when the peer ends, unless it was told to allow half-open ones. Our own end may be on its way, and goes first.
   */
  #abandoned(): void {
    setImmediate(() => {
      if (!this.lower.closed || !this.readableEnded || this.writableFinished) return
      if (this.writableLength === 0) this.destroy()
      else this.failed(new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
    })
  }
}
