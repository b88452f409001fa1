import type { Duplex as CoreDuplex, DuplexOptions } from 'node:stream'
import { RtmpError } from '../errors.ts'
import { asTaker, type Taker } from './direct.ts'
import { TakingDuplex } from './taking.ts'

/**
 * The half of a Layer that sends: what is written is passed to the lower Duplex, with its backpressure.
 *
 *     takeNow, or write → _write                 taking.ts: held until the layer is open and the lower has room
 *       → _take → outbound ─┐
 *     inbound, drained      │
 *       → answer ───────────┴→ down → takeNow of the lower, or lower.write
 *     end() → _final → _takeEnd → lower.end
 */
export abstract class LayerOutbound<Written, Upper = Written, Own = unknown> extends TakingDuplex<Written, Upper, Own> {
  protected readonly lower: CoreDuplex
  /** The lower, if it has the fast path. */
  readonly #taker: Taker | undefined
  #isOpen: boolean
  /** Whether `outbound` returned false, and the lower has not drained since. */
  #isPaused = false

  constructor(lower: CoreDuplex, options: DuplexOptions, isOpen: boolean) {
    super(options)
    this.lower = lower
    this.#taker = asTaker(lower)
    this.#isOpen = isOpen
  }

  /** Processes an item that was written; false, as from `down`, holds the next until the lower drains. */
  protected outbound(item: Written): boolean {
    return this.down(item)
  }

  /** Sends an answer to the peer, unless our half has ended. */
  protected answer(item: unknown): void {
    if (!this.lower.writableEnded) this.down(item)
  }

  /** Passes one item to the lower: all that a layer sends goes through here, in this order. False if the lower needs to drain. */
  protected down(item: unknown): boolean {
    const made = this.encoded(item)
    return this.#taker?.takeNow(made) || this.lower.write(made)
  }

  /** What the lower is given of an item that goes down: the item itself, unless it is to be encrypted. */
  protected encoded(item: unknown): unknown {
    return item
  }

  /** Processes the write that is held. */
  protected open(): void {
    this.#isOpen = true
    this._release()
  }

  override get _hasRoom(): boolean {
    return this.#isOpen && !this.lower.writableNeedDrain
  }

  override _take(item: Written): boolean {
    this.#isPaused = !this.outbound(item)
    return !this.#isPaused
  }

  override _taken(error?: Error): void {
    this.#isPaused = false
    super._taken(error)
  }

  override _takeEnd(): boolean {
    this.lower.end(() => this._taken())
    return false
  }

  /** The lower has drained. */
  protected goOn(): void {
    if (this.#isPaused) this._taken()
    else this._release()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const unwritten = this._drop()
    super._destroy(error, done)
    unwritten?.(error ?? new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
  }
}
