import { type Duplex as CoreDuplex, finished, type Readable } from 'node:stream'
import { RtmpError, type Truncated } from '../errors.ts'
import { LayerInbound } from './layer-inbound.ts'
import { LayerOutbound } from './layer-outbound.ts'
import { type SideOptions, sides } from './sides.ts'
import type { StageEvents } from './stage.ts'
import type { EmitterOf } from './typed.ts'

/** Options of Layer. */
export interface LayerOptions extends SideOptions {
  /** Whether writes are held until `open` is called, as by a handshake. */
  opens?: boolean
  /** How much is buffered before `write` returns false, in bytes or objects: 64 KiB, or 16. */
  writableHighWaterMark?: number
}

/**
 * The second of the two shapes: a Duplex over a Duplex, which reads *and* answers, as TLSSocket does over a socket. Each item of
 * the lower Duplex goes to `inbound`, which passes on to the reader with `this.up` (or returns an iterable, which is drawn with
 * backpressure) and answers the peer with `this.answer`. Each item that is written goes to `outbound`.
 *
 * - Before it is open a layer reads the lower whether or not it is read itself, or a server that only writes would never shake hands;
 *   writes are held. Then backpressure of its reader holds back the lower.
 * - A throw in `inbound` or `outbound` destroys the layer with that error, and the lower without an error: an error is emitted once.
 * - An error of the lower is the layer's. The end of the lower is that of the layer; its writable half stays open until it is ended.
 * - `Own` are events of the subclass, as of a Stage. `Written` is the type of what is written, if it is not that of what is read.
 *
 *                 the reader above                 the writer above
 *                         ↑ push                          │ takeNow, or write
 *     layer-inbound.ts    up, or an iterable              ↓
 *                         ↑                            outbound      layer-outbound.ts
 *                      inbound ──── answer, open ────→    ↓
 *                         ↑                             down
 *                         │ 'data'                        ↓ takeNow, or write
 *                                  the lower Duplex
 *
 * @example
 * ```ts
 * // answers each read by its length
 * class Lengths extends Layer<Buffer> {
 *   protected override inbound(bytes: Buffer): void {
 *     this.answer(Buffer.from(`${bytes.length}\n`))
 *     this.up(bytes)
 *   }
 * }
 * new Lengths(socket).on('data', bytes => console.log(`${bytes}`))
 * ```
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
    // emitted after the last read of a source, paused or not
    source.on('end', () => this.whenUp(() => this.ended()))
    lower.on('drain', () => this.#drained())
    // not 'close', which races our own finish
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

  /** Processes an item of the lower. */
  protected abstract inbound(item: Lower): void | Iterable<Upper>

  /** The lower has drained: deferred answers can be sent now, ahead of held writes. */
  protected drained(): void {}

  /** The lower has ended, and so does the layer, unless overridden. */
  protected ended(): void {
    this.push(null)
  }

  /** The lower has failed, or closed before its end, and so does the layer, unless overridden. */
  protected failed(error: Error): void {
    this.destroy(error)
  }

  /** Calls `then` once all that the lower gave has been pushed. */
  protected whenUp(then: () => void): void {
    this.#inbound.whenUp(then)
  }

  /** Calls `then` once all has been read, and `'end'` emitted. */
  protected whenRead(then: () => void): void {
    if (this.readableEnded) then()
    else this.once('end', then)
  }

  /** Passes one item to the reader. */
  protected up(item: Upper): void {
    this.#inbound.up(item)
  }

  /** Processes the write that is held; from now on the reader's backpressure holds back the lower. */
  protected override open(): void {
    this.#inbound.open()
    super.open()
  }

  /** Emits `'truncated'`, if the input was. */
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
   * Once the lower has closed and all it gave has been read, writes have no destination: a socket without allowHalfOpen ends its own
   * half when the peer ends. An end() of ours that is under way completes first.
   */
  #abandoned(): void {
    setImmediate(() => {
      if (!this.lower.closed || !this.readableEnded || this.writableFinished) return
      if (this.writableLength === 0) this.destroy()
      else this.failed(new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
    })
  }
}
