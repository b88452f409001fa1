import type { Duplex, Readable } from 'node:stream'
import { handTo, isTooEarly } from './direct.ts'
import { Outlet } from './outlet.ts'
import { isReady } from './taking.ts'

/**
 * The half of a Layer that receives: each item of the source (the lower Duplex) is passed to `inbound`, one at a time. What `inbound`
 * makes of it is pushed, with backpressure.
 *
 *     source 'data', or its fast path → hear → inbound ─┬→ up → push           direct.ts: takeNow of the next stream, or the buffer
 *                                                       └→ iterable → Outlet → push
 *     _read → read → Outlet, or source.resume()
 */
export class LayerInbound<Lower, Upper> {
  readonly #layer: Duplex
  readonly #source: Readable
  readonly #inbound: (item: Lower) => void | Iterable<Upper>
  readonly #outlet: Outlet<Upper>
  /** Before the layer is open the source is read whether or not the layer is. */
  #isOpen: boolean
  /** Whether the reader wants more: set by `_read`, cleared when the buffer is full. */
  #isWanted = false
  /** Whether an item is being processed. A lower in memory may give another within that, as when the peer answers a write of ours. */
  #isBusy = false
  readonly #late: Lower[] = []
  #whenUp: (() => void) | undefined

  constructor(layer: Duplex, source: Readable, inbound: (item: Lower) => void | Iterable<Upper>, isOpen: boolean) {
    this.#layer = layer
    this.#source = source
    this.#inbound = inbound
    this.#isOpen = isOpen
    this.#outlet = new Outlet<Upper>(
      layer,
      error => (error === undefined ? this.#goOn() : layer.destroy(error as Error)),
      () => this.#full()
    )
    source.on('data', this.#hear)
    const isObjectMode = source.readableObjectMode
    handTo(source, {
      takeNow: item => {
        const isTaken = isReady(item, isObjectMode)
        if (isTaken) this.#hear(item as Lower)
        return isTaken
      }
    })
    if (isOpen) source.pause()
  }

  readonly #hear = (item: Lower): void => {
    if (this.#layer.destroyed) return
    if (this.#isBusy) {
      this.#late.push(item)
      this.#source.pause()
      return
    }
    this.#isBusy = true
    let isDone = true
    try {
      const made = this.#inbound(item)
      if (typeof made === 'object') isDone = this.#outlet.draw(made)
    } catch (error) {
      this.#layer.destroy(error as Error)
      return
    }
    if (isDone) this.#goOn()
    // only now: a pause costs the source a tick, and as a rule the reader has taken all synchronously
    else this.#source.pause()
  }

  /** An item has been processed. */
  #goOn(): void {
    this.#isBusy = false
    const source = this.#source
    if (this.#late.length > 0) this.#hear(this.#late.shift()!)
    else if (this.#whenUp !== undefined) this.#up(this.#whenUp)
    else if (source.isPaused() && (this.#isWanted || !this.#isOpen)) source.resume()
  }

  /** Pushes one item. */
  up(item: Upper): void {
    if (!this.#layer.push(item)) this.#full()
  }

  /** The reader wants more. */
  read(): void {
    if (isTooEarly(this.#layer)) return
    this.#isWanted = true
    if (this.#outlet.waits) this.#outlet.resume()
    else this.#source.resume()
  }

  #full(): void {
    this.#isWanted = false
    if (this.#isOpen) this.#source.pause()
  }

  /** From now on the source is read when the layer is. */
  open(): void {
    this.#isOpen = true
    if (!this.#isWanted) this.#source.pause()
  }

  /** Calls `then` once all that the source gave has been pushed. What it throws destroys the layer. */
  whenUp(then: () => void): void {
    if (this.#outlet.waits || this.#late.length > 0) this.#whenUp = then
    else this.#up(then)
  }

  #up(then: () => void): void {
    this.#whenUp = undefined
    if (this.#layer.destroyed) return
    try {
      then()
    } catch (error) {
      this.#layer.destroy(error as Error)
    }
  }

  close(): void {
    this.#outlet.close()
    this.#late.length = 0
    this.#source.destroy()
  }
}
